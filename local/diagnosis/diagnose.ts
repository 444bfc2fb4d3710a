import type { JobObservation, PodState } from '../../executor/index.ts';
import { logPath, numbered, readJsonIfThere, stageDir } from '../../store/index.ts';
import { JOB_ID, JobState, jobPath, LocalJob, statePath } from '../job-folder.ts';
import { tail } from '../log-tail.ts';
import { markedProcesses } from '../processes.ts';
import { machineLines, nvidiaSmi } from './machine.ts';
import { type ProcessFacts, processFacts, processLines, processLinesByPs } from './processes.ts';
import { canReportStack, stackOf } from './stacks.ts';
import { sleepUnderLoad, withTimeLimit } from './time-limit.ts';

/** Limits of one diagnosis; *ours*. Further processes and pods are omitted. */
const LIMITS = {
  pods: 16,
  logs: { maxLines: 400, maxBytes: 64 * 1024 },
  processes: 100,
  stacks: 32,
  /** No program is asked for its stack after this time. */
  stacksMs: 4000,
} as const;
/**
 * Time limit of each section. Sections are taken at the same time. A late section continues, but its result is dropped.
 */
const SECTION_MS = 4000;

const HAS_PROC = process.platform === 'linux';

type Sections = Record<string, string>;

/**
 * Shows why a job makes no progress, see `Executor.diagnose`. Nothing can block it for long: a section that does not
 * answer says so, which is itself the finding for a hung file system or driver. Takes some seconds, and does not harm a
 * healthy job.
 */
export async function diagnose(folder: string): Promise<Readonly<Sections>> {
  const sections: Sections = {};
  /** Stores the result of `take`, or why it is not available. */
  const section = async (name: string, take: () => Promise<string>): Promise<void> => {
    sections[name] = await withTimeLimit(SECTION_MS, take()).catch(
      (error: Error) => `not available: ${error.message}\n`,
    );
  };

  const job = await withTimeLimit(SECTION_MS, readJsonIfThere(jobPath(folder), LocalJob)).catch(
    (error: Error) => error,
  );
  if (job === null || job instanceof Error) {
    return { 'job.txt': job === null ? 'there is no record of this job\n' : `not available: ${job.message}\n` };
  }
  const state = await withTimeLimit(SECTION_MS, readJsonIfThere(statePath(folder), JobState)).catch(() => null);
  sections['job.json'] = `${JSON.stringify(state ?? 'it has no state yet', null, 2)}\n`;

  let processes: readonly ProcessFacts[] = [];
  const processesText = async (): Promise<string> => {
    const marked = (await markedProcesses(JOB_ID, job.id)).slice(0, LIMITS.processes);
    if (!HAS_PROC) return await processLinesByPs(marked.map(({ pid }) => pid));
    processes = (await Promise.all(marked.map(processFacts))).filter((facts) => facts !== null);
    return processLines(processes);
  };
  await Promise.all([
    section('processes.txt', processesText),
    section('machine.txt', () => machineLines({ store: job.store, 'folder of the jobs': folder })),
    section('nvidia-smi.txt', () => nvidiaSmi(SECTION_MS - 1000)),
    takeLogs(job, state, section),
  ]);
  await takeStacks(processes, folder, section);
  return sections;
}

type Section = (name: string, take: () => Promise<string>) => Promise<void>;

/** The last log lines of the running pods; of all pods if none runs. */
async function takeLogs(job: LocalJob, state: JobObservation | null, section: Section): Promise<void> {
  const { request, store } = job;
  const pods = state?.pods ?? [];
  const running = pods.filter(({ phase }) => phase === 'running');
  const shown: readonly Pick<PodState, 'part'>[] = (running.length > 0 ? running : pods).slice(0, LIMITS.pods);
  const containers = request.policyServer === null ? (['main'] as const) : (['main', 'policy-server'] as const);
  const takes = shown.flatMap(({ part }) =>
    containers.map((container) =>
      section(`${numbered(part)}-${container}.log`, async () => {
        const lines = await tail(logPath(stageDir(store, request.key), request.attempt, part, container), LIMITS.logs);
        return lines.length === 0 ? 'it printed nothing\n' : `${lines.join('\n')}\n`;
      }),
    ),
  );
  await Promise.all(takes);
}

async function takeStacks(processes: readonly ProcessFacts[], folder: string, section: Section): Promise<void> {
  if (!HAS_PROC) return section('stacks.txt', async () => 'stacks are available only on Linux\n');
  const asked = processes.filter(canReportStack).slice(0, LIMITS.stacks);
  const [enough, over] = [new AbortController(), new AbortController()];
  void sleepUnderLoad(LIMITS.stacksMs, over.signal).then(() => enough.abort());
  // The outputs of two programs in one file cannot be told apart, so programs with a common file are asked in turn.
  const byOutput = Map.groupBy(asked, ({ stderr }) => stderr);
  const takes = [...byOutput.values()].map(async (sharing) => {
    for (const one of sharing) {
      const head = `process ${one.pid}, part ${one.part ?? '?'}: ${one.command}\n\n`;
      const stack = async () =>
        enough.signal.aborted ? 'not asked: the time limit of the diagnosis was reached\n' : await stackOf(one, folder);
      await section(`stack-${one.pid}.txt`, async () => head + (await stack()));
    }
  });
  await Promise.all(takes);
  over.abort();
}
