import { createReadStream, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { CommandError, EXIT, type ExitCode, messageOf } from '../../config/command-errors.ts';
import { finishWith } from '../../config/exit.ts';
import { PROJECT } from '../../config/paths.ts';
import { ENGINES, type ProblemCounts, planOf, type Qualification, unsupportedIn } from '../../planner/index.ts';
import type { CampaignSpec, ProblemFile } from '../../spec/index.ts';
import { architectureOf } from '../architecture.ts';
import { readCampaignFile } from '../campaign-file.ts';
import { draftJobs } from '../drafts.ts';
import { SETTINGS_OF_NO_CLUSTER, settingsFile } from '../kubernetes-settings.ts';
import { planLines } from '../plan-view.ts';

interface PlanOptions {
  readonly json?: true;
  readonly cluster?: true;
  readonly forecast?: true;
  readonly settings?: string;
}

/** `plan`: what a campaign will need, before anything is started. */
export function addPlanCommand(program: Command): void {
  program
    .command('plan <file>')
    .description(
      'forecast pods, GPUs, memory and time of every stage; 0 when all fits and can run, 1 when something cannot',
    )
    .option('--cluster', 'and which nodes of the cluster in KUBECONFIG qualify, and why the others do not')
    .option('--settings <file>', 'settings of the cluster (default: ORRERY_KUBERNETES)')
    .option('--forecast', 'forecast alone, also of what the trainers of this version cannot run')
    .option('--json', 'answer as JSON')
    .action(finishWith(plan));
}

async function plan(file: string, options: PlanOptions): Promise<ExitCode> {
  // One plans before one has all of the data.
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

/** What the cluster has for each stage, on its own: stages that run at the same time share it. */
async function qualifications(spec: CampaignSpec, file: string | null): Promise<Map<string, Qualification>> {
  // The client library takes a while to load, and most plans need none.
  const { createKubeClient, qualifyJob, readKubernetesSettings, surveyCluster } = await import('../../k8s/index.ts');
  const settings = file === null ? SETTINGS_OF_NO_CLUSTER : readKubernetesSettings(file);
  const refuse = (problem: string, remedy: string, cause?: unknown): never => {
    throw new CommandError(EXIT.unavailable, problem, remedy, { cause });
  };
  const survey = await Promise.resolve()
    .then(() => surveyCluster(createKubeClient(settings.namespace, settings.context)))
    .catch((error: unknown) =>
      refuse(`the cluster could not be looked at: ${messageOf(error)}`, 'name it by KUBECONFIG', error),
    );
  if (survey === null)
    return refuse('the nodes of the cluster may not be listed', 'the rights are in deploy/rbac-planner.yaml');
  if (survey.pods === null)
    console.error('orrery: pods of other namespaces may not be listed: all nodes are taken for free');
  return new Map(draftJobs(spec).map(({ slot, request }) => [slot.name, qualifyJob(request, settings, survey)]));
}

/** Problems of each set, where all of its files are there as JSONL. */
async function countProblems({ data }: CampaignSpec): Promise<Partial<ProblemCounts>> {
  if (data.type !== 'files') return {};
  const [search, curriculum, benchmark] = await Promise.all([
    linesOf(data.search),
    linesOf(data.curriculum),
    linesOf(data.benchmarks),
  ]);
  return {
    ...(search === null ? {} : { search }),
    ...(curriculum === null ? {} : { curriculum }),
    ...(benchmark === null ? {} : { benchmark }),
  };
}

async function linesOf(files: readonly ProblemFile[]): Promise<number | null> {
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
