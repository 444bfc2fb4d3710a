import { createReadStream, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { CommandError, EXIT, type ExitCode, errorMessage } from '../../config/command-errors.ts';
import { PROJECT } from '../../config/paths.ts';
import { ENGINES, type ProblemCounts, planOf, type Qualification, unsupportedIn } from '../../planner/index.ts';
import type { CampaignSpec, ProblemFile } from '../../spec/index.ts';
import { architectureOf } from '../architecture.ts';
import { readCampaignFile } from '../campaign-file.ts';
import { draftJobs } from '../drafts.ts';
import { PLACEHOLDER_SETTINGS, settingsFile } from '../kubernetes-settings.ts';
import { planLines } from '../plan-view.ts';

interface PlanOptions {
  readonly json?: true;
  readonly cluster?: true;
  readonly forecast?: true;
  readonly settings?: string;
}

/** `plan`: forecasts what a campaign will need. Starts nothing. */
export async function plan(file: string, options: PlanOptions): Promise<ExitCode> {
  // People plan before they have all of the data.
  const { spec } = await readCampaignFile(file, { dataFiles: 'optional', engines: 'optional' });
  const architecture = await architectureOf(spec);
  const planned = planOf(spec, architecture, await countProblems(spec));
  const unsupported = options.forecast ? [] : unsupportedIn(spec, ENGINES, architecture);
  const cluster = options.cluster ? await qualifications(spec, settingsFile(options.settings)) : null;
  console.log(
    options.json
      ? JSON.stringify(
          { ...planned, unsupported, ...(cluster === null ? {} : { cluster: Object.fromEntries(cluster) }) },
          null,
          2,
        )
      : planLines(planned, unsupported, cluster).join('\n'),
  );
  const waits = [...(cluster?.values() ?? [])].some(({ fits }) => fits !== 'now');
  return planned.complaints.length + unsupported.length === 0 && !waits ? EXIT.ok : EXIT.failed;
}

/**
 * What the cluster offers each stage. Each stage is checked alone, although stages that run in parallel share the
 * cluster.
 */
async function qualifications(spec: CampaignSpec, file: string | null): Promise<Map<string, Qualification>> {
  // The client library loads slowly, and most plans do not need it.
  const { createKubeClient, qualifyJob, readKubernetesSettings, readClusterNodes } = await import('../../k8s/index.ts');
  const settings = file === null ? PLACEHOLDER_SETTINGS : readKubernetesSettings(file);
  const refuse = (problem: string, remedy: string, cause?: unknown): never => {
    throw new CommandError(EXIT.unavailable, problem, remedy, { cause });
  };
  const survey = await Promise.resolve()
    .then(() => readClusterNodes(createKubeClient(settings.namespace, settings.context)))
    .catch((error: unknown) =>
      refuse(`cannot read the cluster: ${errorMessage(error)}`, 'name the cluster with KUBECONFIG', error),
    );
  if (survey === null)
    return refuse('not allowed to list the nodes of the cluster', 'deploy/rbac-planner.yaml has the rights');
  if (survey.pods === null)
    console.error('orrery: not allowed to list pods of other namespaces: every node counts as free');
  return new Map(draftJobs(spec).map(({ slot, request }) => [slot.name, qualifyJob(request, settings, survey)]));
}

/** Number of problems of each set, when all of its files exist and are JSONL. */
async function countProblems({ data }: CampaignSpec): Promise<Partial<ProblemCounts>> {
  if (data.type !== 'files') return {};
  const [search, curriculum, benchmark] = await Promise.all([
    countLines(data.search),
    countLines(data.curriculum),
    countLines(data.benchmarks),
  ]);
  return {
    ...(search === null ? {} : { search }),
    ...(curriculum === null ? {} : { curriculum }),
    ...(benchmark === null ? {} : { benchmark }),
  };
}

async function countLines(files: readonly ProblemFile[]): Promise<number | null> {
  const counts = await Promise.all(
    files.map(async ({ path, limit = Number.POSITIVE_INFINITY }) => {
      const absolute = resolve(PROJECT, path);
      if (!path.endsWith('.jsonl') || !statSync(absolute, { throwIfNoEntry: false })?.isFile()) return null;
      let lines = 0;
      for await (const line of createInterface({ input: createReadStream(absolute) })) {
        if (line.trim() !== '') lines += 1;
      }
      return Math.min(limit, lines);
    }),
  );
  if (counts.length === 0 || counts.includes(null)) return null;
  return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}
