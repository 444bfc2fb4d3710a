import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { TaskQueueName } from '../installation/index.ts';
import { parseOrRefuse } from '../spec/index.ts';
import { inOrrery } from './paths.ts';

/**
 * `.orrery/connection.json`: the Temporal server that this clone last started on this machine. Every later command of the clone finds it there.
 * The file may be of another version, or edited by hand: it is parsed, and refused in words.
 */
const Port = z.int().min(1).max(65_535);
export const RememberedServer = z.strictObject({
  port: Port,
  uiPort: Port,
  namespace: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
    .max(255),
  /** Tells this server from another that answers on the same port: no other server, and no namespace made anew, has this id. */
  namespaceId: z.string().regex(/^[0-9a-f-]{1,64}$/),
  taskQueue: TaskQueueName,
});
export type RememberedServer = z.infer<typeof RememberedServer>;

export const CONNECTION_FILE = inOrrery('connection.json');
/** Far above what is ever written. */
const MAX_BYTES = 64 * 1024;

/**
 * The server that this clone started last; null where it never did.
 * @throws InvalidInputError naming the file, and what to do, where it does not parse
 */
export function rememberedServer(file = CONNECTION_FILE): RememberedServer | null {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return null;
  const what = `${file} (remove it to start afresh)`;
  const text = found.isFile() && found.size <= MAX_BYTES ? readFileSync(file, 'utf8') : null;
  return parseOrRefuse(RememberedServer, text === null ? null : jsonOrText(text), what);
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
