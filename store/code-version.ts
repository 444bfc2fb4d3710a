import { join, relative } from 'node:path';
import { sha256Canonical } from './canonical.ts';
import { readSource } from './code/read-source.ts';
import { type Loading, type StageProgram, sourcesOf } from './code/sources.ts';
import type { StageSources } from './sources.ts';

/**
 * The sources that the programs of a stage load, with their digests. Their hash is the code version in the stage's key,
 * so that changed code never passes off old results as its own, and changed code of another stage costs nothing.
 *
 * Asked anew for every execution, because its processes read the sources when they start: an edit under a running
 * worker makes a new version. A source that has not changed since is not read again, so that asking costs a `stat` of
 * each.
 * @throws Error when a source loads what cannot be followed
 */
export function sourcesOfStage(
  { main, policyServer }: { readonly main: StageProgram; readonly policyServer: StageProgram | null },
  loading: Omit<Loading, 'domains'>,
): StageSources {
  const domains = process.env.ORRERY_DOMAINS ?? join(loading.projectRoot, 'domains');
  const digestsOf = (program: StageProgram) => digestsByName(sourcesOf(program, { ...loading, domains }));
  return { main: digestsOf(main), policyServer: policyServer === null ? null : digestsOf(policyServer) };
}

/**
 * One digest over modules and all sources that they load. It depends on no path outside of the project.
 * @param files - absolute paths within the project
 */
export function digestOfSources(files: readonly string[], projectRoot: string): string {
  const loading = { kind: '', domain: '', domains: join(projectRoot, 'domains'), projectRoot };
  const sources = files.flatMap((file) => [
    ...sourcesOf({ runtime: 'node', args: [relative(projectRoot, file)] }, loading),
  ]);
  return sha256Canonical(digestsByName(new Map(sources)));
}

const digestsByName = (sources: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries(
    [...sources]
      .map(([name, path]) => [name, readSource(path).digest] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
