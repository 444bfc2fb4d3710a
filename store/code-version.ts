import { join } from 'node:path';
import { sha256 } from './canonical.ts';
import { readSource } from './code/read-source.ts';
import { type Loading, type ProgramStart, sourcesOf } from './code/sources.ts';

/**
 * Version of the code that makes the results of one stage: a sha256 over the sources that its programs load. It is part of the stage's
 * key, so that changed code never passes off old results as its own, and changed code of another stage costs nothing.
 *
 * Asked anew for every execution, because its processes read the sources when they start: an edit under a running worker makes a new
 * version. A source that has not changed since is not read again, so that asking costs a `stat` of each.
 * @throws Error when a source loads what cannot be followed
 */
export function codeVersion(programs: readonly ProgramStart[], loading: Omit<Loading, 'domains'>): string {
  const domains = process.env.ORRERY_DOMAINS ?? join(loading.projectRoot, 'domains');
  const lines = new Set<string>();
  for (const program of programs) {
    for (const [name, path] of sourcesOf(program, { ...loading, domains })) {
      lines.add(`${name} ${readSource(path).digest}\n`);
    }
  }
  return sha256([...lines].toSorted().join(''));
}
