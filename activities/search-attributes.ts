import type { Connection } from '@temporalio/client';
import type { Logger } from 'pino';
import { SEARCH_ATTRIBUTES } from '../spec/index.ts';

/** Numbers of temporal.api.enums.v1.IndexedValueType by their common names. */
const INDEXED_VALUE_TYPE = { Keyword: 2, Double: 4, KeywordList: 7 } as const;

/**
 * Registers those search attributes of campaigns that the server lacks.
 * @returns whether the server has all of them. Without them, campaigns run but set none, because an unknown attribute
 *   fails the workflow task that sets it. Then campaigns can be found only by id.
 */
export async function ensureSearchAttributes(connection: Connection, namespace: string, log: Logger): Promise<boolean> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in customAttributes));
    if (missing.length === 0) return true;
    const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, INDEXED_VALUE_TYPE[type]]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
    return true;
  } catch (error) {
    log.warn(
      { err: error, searchAttributes: Object.keys(SEARCH_ATTRIBUTES) },
      'search attributes are not registered; campaigns run without them',
    );
    return false;
  }
}
