import { delimiter, join } from 'node:path';
import type { Program } from '../executor/index.ts';
import { POD_ENV } from '../spec/pod-env.ts';
import { stageDir, stageFilePath } from '../store/layout.ts';
import { homeOf, type LocalJob, marksOf } from './job-folder.ts';

/** Where one pod of a job runs. */
export interface PodPlace {
  /** The job's folder, see job-folder.ts. */
  readonly folder: string;
  readonly part: number;
  /** Indices of the GPUs that are its own. */
  readonly gpus: readonly number[];
  /** Where the ranks of a gang meet; null without one. */
  readonly masterPort: number | null;
}

/** What a pod's containers find in their environment (docs/architecture.md, pod contract), over that of the supervisor. */
export function podEnvironment(job: LocalJob, { folder, part, gpus, masterPort }: PodPlace): NodeJS.ProcessEnv {
  const { request, projectRoot, store, python } = job;
  const threads = String(Math.max(1, Math.floor(request.resources.cpus)));
  return {
    ...withoutTemporal(process.env),
    ...marksOf(homeOf(folder), job),
    [POD_ENV.stageFile]: stageFilePath(stageDir(store, request.key)),
    [POD_ENV.store]: store,
    [POD_ENV.attempt]: String(request.attempt),
    [POD_ENV.shard]: String(part),
    ORRERY_PYTHON: python,
    PYTHONPATH: [join(projectRoot, 'trainers'), process.env.PYTHONPATH].filter(Boolean).join(delimiter),
    // The last words of a program that is killed are else lost in its buffer.
    PYTHONUNBUFFERED: '1',
    OMP_NUM_THREADS: threads,
    // None for a stage that asked for none: it gives the same numbers on a machine that has some. CUDA would count by speed.
    ...{ CUDA_VISIBLE_DEVICES: gpus.join(','), CUDA_DEVICE_ORDER: 'PCI_BUS_ID' },
    ...(masterPort === null ? {} : gangEnvironment(part, request.parts, masterPort, gpus.length > 0)),
  };
}

/**
 * As `torch.distributed` reads it. A gang of one has no local rank: libraries would set up communication with nobody. A rank that has GPUs
 * of its own sees no others, as in a pod of a cluster: the first that it sees is its, so it is local rank 0 of 1.
 */
function gangEnvironment(
  rank: number,
  worldSize: number,
  masterPort: number,
  ownGpus: boolean,
): Record<string, string> {
  const [localRank, localWorldSize] = ownGpus ? [0, 1] : [rank, worldSize];
  return {
    RANK: String(rank),
    WORLD_SIZE: String(worldSize),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(masterPort),
    ...(worldSize > 1 ? { LOCAL_RANK: String(localRank), LOCAL_WORLD_SIZE: String(localWorldSize) } : {}),
  };
}

/** The command line of a program on this machine. */
export function commandOf(
  program: Program,
  job: LocalJob,
  folder: string,
): { command: string; args: readonly string[] } {
  return program.runtime === 'node'
    ? { command: job.node, args: [...diagnosable(folder), ...program.args] }
    : { command: job.python, args: program.args };
}

/** Signal on which Node programs tell what they do, and the flag by which they are known to. */
export const REPORT_SIGNAL = 'SIGUSR2';
export const REPORT_FLAG = `--report-signal=${REPORT_SIGNAL}`;

/** Node flags by which a program can be asked what it does: with a report, or where it is too busy for one, by its debugger. */
const diagnosable = (folder: string): readonly string[] => [
  ...['--report-on-signal', REPORT_FLAG, `--report-directory=${folder}`, '--report-compact'],
  // Neither secrets nor names of hosts are to lie about in files.
  ...['--report-exclude-env', '--report-exclude-network'],
  // Not opened before it is asked for. A fixed port would be that of one program alone.
  '--inspect-port=127.0.0.1:0',
];

/** Stage programs know no Temporal, and have no business with its keys. */
export function withoutTemporal(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
