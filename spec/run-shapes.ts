import { type Rule, withRules } from './fields.ts';
import { Run } from './run.ts';

/**
 * Rules that refuse contradictory settings of `run`, and settings that a stage of some shape would ignore. An ignored
 * setting would still change the key of the stage and its GPU-hours.
 */

/**
 * - `single`: one pod, without a model.
 * - `sampler`: shards, each with its own policy server.
 * - `trainer`: ranks of a gang.
 */
export type RunShape = 'single' | 'sampler' | 'trainer';

type RunRule = Rule<Run>;

/** Rules for every stage. */
const RUN_RULES: readonly RunRule[] = [
  {
    path: ['resources', 'gpuMemoryGiB'],
    expected: 'nothing without GPUs (resources.gpus is 0)',
    holds: ({ resources: { gpus, gpuMemoryGiB } }) => gpus > 0 || gpuMemoryGiB === undefined,
  },
  {
    path: ['resources', 'pricePerGpuHour'],
    expected: 'nothing without GPUs (resources.gpus is 0)',
    holds: ({ resources: { gpus, pricePerGpuHour } }) => gpus > 0 || pricePerGpuHour === undefined,
  },
  {
    path: ['kubernetes', 'shmGiB'],
    expected: 'at most resources.memoryGiB, because it is part of that memory',
    holds: ({ resources: { memoryGiB }, kubernetes: { shmGiB } }) =>
      memoryGiB === undefined || shmGiB === undefined || shmGiB <= memoryGiB,
  },
];

const noRanks: RunRule = {
  path: ['ranks'],
  expected: '1, because only trainers (pretrain, sft, rl) have ranks; other stages have shards',
  holds: ({ ranks }) => ranks === 1,
};
const noPolicyServer: RunRule = {
  path: ['policyServer'],
  expected: 'nothing, because this stage samples no policy',
  holds: ({ policyServer: { engine, image, tensorParallel, contextTokens, args } }) =>
    engine === 'embedded' &&
    [image, tensorParallel, contextTokens].every((value) => value === undefined) &&
    args.length === 0,
};
const noShards = (why: string): readonly RunRule[] => [
  { path: ['shards'], expected: `1, because ${why}`, holds: ({ shards }) => shards === 1 },
  { path: ['parallelism'], expected: `nothing, because ${why}`, holds: ({ parallelism }) => parallelism === undefined },
];
const noTopology: RunRule = {
  path: ['kubernetes', 'topology'],
  expected: 'nothing, because only the ranks of a trainer communicate with each other',
  holds: ({ kubernetes: { topology } }) => topology === undefined,
};

const RULES: Readonly<Record<RunShape, readonly RunRule[]>> = {
  single: [
    ...noShards('this stage runs as one pod'),
    noRanks,
    noPolicyServer,
    noTopology,
    {
      path: ['resources', 'gpus'],
      expected: '0, because this stage uses no GPUs',
      holds: ({ resources: { gpus } }) => gpus === 0,
    },
  ],
  sampler: [
    noRanks,
    noTopology,
    {
      path: ['parallelism'],
      expected: 'at most run.shards',
      holds: ({ shards, parallelism = 1 }) => parallelism <= shards,
    },
    {
      path: ['policyServer', 'engine'],
      expected: 'embedded for pods without GPUs (resources.gpus is 0), because vLLM needs a GPU',
      holds: ({ resources: { gpus }, policyServer: { engine } }) => engine === 'embedded' || gpus > 0,
    },
    {
      path: ['policyServer', 'tensorParallel'],
      expected: 'at most the GPUs of the pod (resources.gpus)',
      holds: ({ resources: { gpus }, policyServer: { engine, tensorParallel = 1 } }) =>
        engine === 'embedded' || tensorParallel <= Math.max(1, gpus),
    },
  ],
  trainer: [...noShards('a trainer is divided into ranks (run.ranks)'), noPolicyServer],
};

/** The schema of `run` for stages of this shape. */
export const runOf = (shape: RunShape) => withRules(Run, [...RUN_RULES, ...RULES[shape]]).prefault({});
