import { type RuleOf, withRules } from './fields.ts';
import { Run } from './run.ts';

/**
 * Which settings of `run` never go together, and which say nothing in a stage of a shape: they would be ignored, and stand in its key and its
 * GPU-hours all the same.
 */

/**
 * - `single`: one pod does it all, without a model.
 * - `sampler`: shards, each with a policy server beside it.
 * - `trainer`: ranks of a gang.
 */
export type RunShape = 'single' | 'sampler' | 'trainer';

type RunRule = RuleOf<Run>;

/** Of every stage. */
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
    expected: 'a value not above resources.memoryGiB, of which it is a part',
    holds: ({ resources: { memoryGiB }, kubernetes: { shmGiB } }) =>
      memoryGiB === undefined || shmGiB === undefined || shmGiB <= memoryGiB,
  },
];

const noRanks: RunRule = {
  path: ['ranks'],
  expected: '1: only trainers (pretrain, sft, rl) have ranks; other stages have shards',
  holds: ({ ranks }) => ranks === 1,
};
const noPolicyServer: RunRule = {
  path: ['policyServer'],
  expected: 'nothing, as this stage samples no policy',
  holds: ({ policyServer: { engine, image, tensorParallel, contextTokens, args } }) =>
    engine === 'embedded' &&
    [image, tensorParallel, contextTokens].every((value) => value === undefined) &&
    args.length === 0,
};
const noShards = (why: string): readonly RunRule[] => [
  { path: ['shards'], expected: `1: ${why}`, holds: ({ shards }) => shards === 1 },
  { path: ['parallelism'], expected: `nothing: ${why}`, holds: ({ parallelism }) => parallelism === undefined },
];
const noTopology: RunRule = {
  path: ['kubernetes', 'topology'],
  expected: 'nothing: only ranks of a trainer talk to each other',
  holds: ({ kubernetes: { topology } }) => topology === undefined,
};

const RULES: Readonly<Record<RunShape, readonly RunRule[]>> = {
  single: [
    ...noShards('one pod does this stage'),
    ...[noRanks, noPolicyServer, noTopology],
    {
      path: ['resources', 'gpus'],
      expected: '0: this stage has no use for GPUs',
      holds: ({ resources: { gpus } }) => gpus === 0,
    },
  ],
  sampler: [
    ...[noRanks, noTopology],
    {
      path: ['parallelism'],
      expected: 'a value not above run.shards',
      holds: ({ shards, parallelism = 1 }) => parallelism <= shards,
    },
    {
      path: ['policyServer', 'engine'],
      expected: 'embedded where the pods have no GPU (resources.gpus is 0): vLLM needs one',
      holds: ({ resources: { gpus }, policyServer: { engine } }) => engine === 'embedded' || gpus > 0,
    },
    {
      path: ['policyServer', 'tensorParallel'],
      expected: 'a value not above the GPUs of the pod (resources.gpus)',
      holds: ({ resources: { gpus }, policyServer: { engine, tensorParallel = 1 } }) =>
        engine === 'embedded' || tensorParallel <= Math.max(1, gpus),
    },
  ],
  trainer: [...noShards('a trainer is divided by ranks (run.ranks)'), noPolicyServer],
};

/** `run` of a stage of this shape. */
export const runOf = (shape: RunShape) => withRules(Run, [...RUN_RULES, ...RULES[shape]]).prefault({});
