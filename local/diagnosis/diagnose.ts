import type { JobObservation, PodState } from '../../executor/index.ts';
import { logPath, numbered, readJsonIfThere, stageDir } from '../../store/index.ts';
import { JOB_ID, JobState, jobPath, LocalJob, statePath } from '../job-folder.ts';
import { tail } from '../log-tail.ts';
import { markedProcesses } from '../processes.ts';
import { machineLines, nvidiaSmi } from './machine.ts';
import { inPatience, patience } from './patience.ts';
import { factsOf, type ProcessFacts, processLines, processLinesByPs } from './processes.ts';
import { canTell, stackOf } from './stacks.ts';

/** Bounds of one diagnosis; *ours*. Processes and pods beyond them are counted. */
const LIMITS = {
  pods: 16,
  logs: { maxLines: 400, maxBytes: 64 * 1024 },
  processes: 100,
  stacks: 32,
  /** After this long no further program is asked for its stack. */
  stacksMs: 4000,
} as const;
/** Of each section, which are taken at the same time. What does not answer in it goes on, and nobody listens. */
const SECTION_MS = 4000;

const HAS_PROC = process.platform === 'linux';

type Sections = Record<string, string>;

/**
 * Why a job does not get on, see `Executor.diagnose`. Nothing that it asks can hold it up for long: what does not answer is said not to,
 * which of a file system or a driver that hangs is the finding. Taken within some seconds, and harmless to a job that is well.
 */
export async function diagnose(folder: string): Promise<Readonly<Sections>> {
  const sections: Sections = {};
  /** Keeps what `take` returns, or says why it could not be had. */
  const section = async (name: string, take: () => Promise<string>): Promise<void> => {
    sections[name] = await inPatience(SECTION_MS, take()).catch((error: Error) => `cannot be had: ${error.message}\n`);
  };

  const job = await inPatience(SECTION_MS, readJsonIfThere(jobPath(folder), LocalJob)).catch((error: Error) => error);
  if (job === null || job instanceof Error) {
    return { 'job.txt': job === null ? 'there is no record of this job\n' : `cannot be had: ${job.message}\n` };
  }
  const state = await inPatience(SECTION_MS, readJsonIfThere(statePath(folder), JobState)).catch(() => null);
  sections['job.json'] = `${JSON.stringify(state ?? 'it has no state yet', null, 2)}\n`;

  let processes: readonly ProcessFacts[] = [];
  const look = async (): Promise<string> => {
    const marked = (await markedProcesses(JOB_ID, job.id)).slice(0, LIMITS.processes);
    if (!HAS_PROC) return await processLinesByPs(marked.map(({ pid }) => pid));
    processes = (await Promise.all(marked.map(factsOf))).filter((facts) => facts !== null);
    return processLines(processes);
  };
  await Promise.all([
    section('processes.txt', look),
    section('machine.txt', () => machineLines({ store: job.store, 'folder of the jobs': folder })),
    section('nvidia-smi.txt', () => nvidiaSmi(SECTION_MS - 1000)),
    takeLogs(job, state, section),
  ]);
  await takeStacks(processes, folder, section);
  return sections;
}

type Section = (name: string, take: () => Promise<string>) => Promise<void>;

/** The end of the logs of the pods that run; of all, where none does. */
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
  if (!HAS_PROC) return section('stacks.txt', async () => 'are taken on Linux alone\n');
  const asked = processes.filter(canTell).slice(0, LIMITS.stacks);
  const [enough, over] = [new AbortController(), new AbortController()];
  void patience(LIMITS.stacksMs, over.signal).then(() => enough.abort());
  // What two programs print into one file at the same time cannot be told apart.
  const byOutput = Map.groupBy(asked, ({ stderr }) => stderr);
  const takes = [...byOutput.values()].map(async (sharing) => {
    for (const one of sharing) {
      const head = `process ${one.pid}, part ${one.part ?? '?'}: ${one.command}\n\n`;
      const stack = async () => (enough.signal.aborted ? 'not asked: time was up\n' : await stackOf(one, folder));
      await section(`stack-${one.pid}.txt`, async () => head + (await stack()));
    }
  });
  await Promise.all(takes);
  over.abort();
}
