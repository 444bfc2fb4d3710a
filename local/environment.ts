import { delimiter, join } from 'node:path';
import { POD_ENV, type Program } from '../spec/index.ts';
import { stageDir, stageFilePath } from '../store/index.ts';
import { JOB_ID, JOB_NAME, type LocalJob } from './job-folder.ts';

/** What a pod's containers find in their environment (docs/architecture.md, pod contract), over that of the supervisor. */
export function podEnvironment(job: LocalJob, part: number, masterPort: number | null): NodeJS.ProcessEnv {
  const { request, projectRoot, store, python } = job;
  const threads = String(Math.max(1, Math.floor(request.resources.cpus)));
  return {
    ...withoutTemporal(process.env),
    [JOB_NAME]: request.name,
    [JOB_ID]: job.id,
    [POD_ENV.stageFile]: stageFilePath(stageDir(store, request.key)),
    [POD_ENV.store]: store,
    [POD_ENV.attempt]: String(request.attempt),
    [POD_ENV.shard]: String(part),
    ORRERY_PYTHON: python,
    PYTHONPATH: [join(projectRoot, 'trainers'), process.env.PYTHONPATH].filter(Boolean).join(delimiter),
    // The last words of a program that is killed are else lost in its buffer.
    PYTHONUNBUFFERED: '1',
    OMP_NUM_THREADS: threads,
    // A stage that asked for no GPU gives the same numbers on a machine that has one.
    ...(request.resources.gpus === 0 ? { CUDA_VISIBLE_DEVICES: '' } : {}),
    ...(masterPort === null ? {} : gangEnvironment(part, request.parts, masterPort)),
  };
}

/** As `torch.distributed` reads it. A gang of one has no local rank: libraries would set up communication with nobody. */
function gangEnvironment(rank: number, worldSize: number, masterPort: number): Record<string, string> {
  return {
    RANK: String(rank),
    WORLD_SIZE: String(worldSize),
    MASTER_ADDR: '127.0.0.1',
    MASTER_PORT: String(masterPort),
    ...(worldSize > 1 ? { LOCAL_RANK: String(rank), LOCAL_WORLD_SIZE: String(worldSize) } : {}),
  };
}

/** The command line of a program on this machine. */
export function commandOf(program: Program, job: LocalJob): { command: string; args: readonly string[] } {
  return { command: program.runtime === 'node' ? job.node : job.python, args: program.args };
}

/** Stage programs know no Temporal, and have no business with its keys. */
export function withoutTemporal(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
