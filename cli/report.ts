import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, EXIT } from '../config/command-errors.ts';
import { storePath } from '../config/paths.ts';
import { orreryCommand } from '../config/printed-commands.ts';
import { FILES } from '../spec/index.ts';
import { CorruptFileError, campaignDir, OtherVersionError, readPublished } from '../store/index.ts';

/** Paths of a campaign's report. */
export interface ReportPaths {
  readonly html: string;
  readonly json: string;
}

/** @throws CommandError 66 when the store has no report of the campaign */
export function findReport(campaignId: string): ReportPaths {
  const folder = campaignDir(storePath(), campaignId);
  const paths = { html: join(folder, FILES.analyse.html), json: join(folder, FILES.analyse.json) };
  if (existsSync(paths.json)) return paths;
  throw new CommandError(
    EXIT.missing,
    `there is no report of campaign ${campaignId} in ${storePath()}`,
    `see its progress with \`${orreryCommand(`status ${campaignId}`)}\`, or name another store with ORRERY_STORE`,
  );
}

/**
 * Reads the published report.json.
 * @throws CommandError 65 when the report or its publication record has changed since it was published
 */
export async function readReport(campaignId: string): Promise<unknown> {
  const folder = campaignDir(storePath(), campaignId);
  try {
    const [, json] = await readPublished(folder, campaignId, [FILES.analyse.html, FILES.analyse.json]);
    return JSON.parse(String(json));
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
    throw new CommandError(
      EXIT.invalid,
      error.message,
      `publish it again: submit the campaign again under the id ${campaignId}; finished stages are reused`,
    );
  }
}
