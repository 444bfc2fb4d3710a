import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { TaskQueueName } from '../installation/queue.ts';
import { parseOrRefuse } from '../spec/errors.ts';
import { inOrrery } from './paths.ts';

/**
 * `.orrery/connection.json`: the Temporal server that this clone started last. Later commands of the clone use it.
 * Another version or a person may have written the file, so it is parsed and checked.
 */
const Port = z.int().min(1).max(65_535);
export const RememberedServer = z.strictObject({
  port: Port,
  uiPort: Port,
  namespace: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
    .max(255),
  /** Identifies this server when another one answers on the same port: no other server has a namespace with this id. */
  namespaceId: z.string().regex(/^[0-9a-f-]{1,64}$/),
  taskQueue: TaskQueueName,
});
export type RememberedServer = z.infer<typeof RememberedServer>;

export const CONNECTION_FILE = inOrrery('connection.json');
/** Far above the size of any valid file. */
const MAX_BYTES = 64 * 1024;

/**
 * The server that this clone started last; null when it has started none.
 * @throws InvalidInputError when the file is not valid; the message names the file and the remedy
 */
export function rememberedServer(file = CONNECTION_FILE): RememberedServer | null {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return null;
  const source = `${file} (remove it to start afresh)`;
  const text = found.isFile() && found.size <= MAX_BYTES ? readFileSync(file, 'utf8') : null;
  return parseOrRefuse(RememberedServer, text === null ? null : jsonOrText(text), source);
}

export function rememberServer(server: RememberedServer, file = CONNECTION_FILE): void {
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.new`;
  writeFileSync(temporary, `${JSON.stringify(server, null, 2)}\n`);
  renameSync(temporary, file);
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
