import { delimiter, join } from 'node:path';
import type { Program } from '../executor/index.ts';
import { POD_ENV } from '../spec/pod-env.ts';
import { stageDir, stageFilePath } from '../store/layout.ts';
import { homeOf, type LocalJob, marksOf } from './job-folder.ts';

/** The place of one pod of a job. */
export interface PodPlace {
  /** The job's folder, see job-folder.ts. */
  readonly folder: string;
  readonly part: number;
  /** Indices of its own GPUs. */
  readonly gpus: readonly number[];
  /** Port on which the ranks of a gang meet; null without a gang. */
  readonly masterPort: number | null;
}

/** The environment of the containers of a pod (docs/architecture.md, pod contract), added to that of the supervisor. */
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
    // Otherwise the last output of a killed program is lost in its buffer.
    PYTHONUNBUFFERED: '1',
    OMP_NUM_THREADS: threads,
    // Empty for a stage without GPUs, so that it gives the same numbers on a machine with some.
    CUDA_VISIBLE_DEVICES: gpus.join(','),
    // By default CUDA numbers GPUs by speed, unlike nvidia-smi.
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    ...(masterPort === null ? {} : gangEnvironment(part, request.parts, masterPort, gpus.length > 0)),
  };
}

/**
 * Environment for `torch.distributed`. A gang of one has no local rank: otherwise libraries would set up communication
 * with nobody. A rank with its own GPUs sees only those, as in a pod of a cluster, so it is local rank 0 of 1.
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

/** Signal on which Node programs write a report, and the flag that identifies such programs. */
export const REPORT_SIGNAL = 'SIGUSR2';
export const REPORT_FLAG = `--report-signal=${REPORT_SIGNAL}`;

/**
 * Node flags that let a diagnosis ask a program for its state: by a report, or by its debugger if it is too busy for
 * one.
 */
const diagnosable = (folder: string): readonly string[] => [
  '--report-on-signal',
  REPORT_FLAG,
  `--report-directory=${folder}`,
  '--report-compact',
  // Keeps secrets and host names out of files.
  '--report-exclude-env',
  '--report-exclude-network',
  // Opened only on request. Only one program could have a fixed port.
  '--inspect-port=127.0.0.1:0',
];

/** Stage programs do not use Temporal, and must not get its keys. */
export function withoutTemporal(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
