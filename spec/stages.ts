import { z } from 'zod';
import { Run } from './run.ts';

/**
 * Settings of every stage. The defaults are the recipe's: what a user sets is visibly their own departure from it.
 * `source` names where a default comes from: a section of the ASTRO paper (arXiv 2507.00417), or *ours*.
 */
const from = (source: string, description: string) => ({ description, source });
const fraction = () => z.number().min(0).max(1);
const inCheckpoints = z
  .strictObject({
    everySteps: z.int().min(1).default(50).meta(from('ours', 'Optimizer steps between two checkpoints.')),
    keep: z
      .strictObject({
        last: z.int().min(1).default(2).meta(from('ours', 'Newest checkpoints kept.')),
        best: z
          .int()
          .min(0)
          .default(1)
          .meta(
            from(
              'ours',
              'Best checkpoints kept: of the lowest loss, in RL of the highest reward, as a mean over the steps since the checkpoint before.',
            ),
          ),
        everySteps: z
          .int()
          .min(1)
          .optional()
          .meta(
            from(
              'ours',
              'Every checkpoint at a multiple of so many optimizer steps is kept for good; none when not set.',
            ),
          ),
      })
      .prefault({})
      .meta(from('ours', 'Which checkpoints stay; a checkpoint that is damaged never takes the place of a good one.')),
  })
  .refine(({ everySteps, keep }) => keep.everySteps === undefined || keep.everySteps % everySteps === 0, {
    path: ['keep', 'everySteps'],
    message: 'expected a multiple of checkpoints.everySteps',
  })
  .prefault({});

/** When two problems of one set are one although their texts differ. */
export const NearDuplicateRule = z
  .strictObject({
    ngramWords: z.int().min(1).default(5).meta(from('Lee et al., arXiv 2107.06499', 'Words of a shingle.')),
    similarity: z
      .number()
      .gt(0)
      .max(1)
      .default(0.8)
      .meta(
        from(
          'Lee et al., arXiv 2107.06499',
          'Jaccard index of the shingles from which two problems with the same numbers and the same answer are one.',
        ),
      ),
  })
  .prefault({});

/** When a problem is taken to be one of a benchmark. */
export const DecontaminationRule = z
  .strictObject({
    ngramWords: z
      .int()
      .min(1)
      .default(8)
      .meta(from('s1, arXiv 2501.19393', 'Words in a row that are also in a benchmark problem raise suspicion.')),
    overlap: fraction()
      .default(0.5)
      .meta(
        from(
          'Cosmopedia',
          'Share of a benchmark problem’s words that a suspect has in the same order, from which it is removed. 0: suspicion is enough.',
        ),
      ),
  })
  .prefault({});

/** Deduplicated, split prompts. What they are made of is said by the campaign’s `data`; the rules are for problems from files. */
export const PrepareConfig = z
  .strictObject({
    checkAnswers: z
      .boolean()
      .default(true)
      .meta(
        from(
          'ours',
          'Have the verifier judge every reference answer against itself; a problem whose answer it cannot judge is set aside.',
        ),
      ),
    nearDuplicates: NearDuplicateRule,
    decontamination: DecontaminationRule,
    run: Run,
  })
  .prefault({});
export type PrepareConfig = z.infer<typeof PrepareConfig>;

/** Trains the small model that stands in for a pretrained instruct model, on demonstrations of the domain. *Ours*. */
export const PretrainConfig = z
  .strictObject({
    model: z
      .strictObject({
        hiddenSize: z.int().min(8).default(96).meta(from('ours', 'Width of the residual stream.')),
        layers: z.int().min(1).default(3).meta(from('ours', 'Decoder layers.')),
        heads: z.int().min(1).default(4).meta(from('ours', 'Attention heads.')),
        contextTokens: z
          .int()
          .min(32)
          .default(256)
          .meta(from('ours', 'Longest sequence, prompt and completion, in tokens.')),
      })
      .refine((model) => model.hiddenSize % model.heads === 0, {
        path: ['heads'],
        message: 'expected a divisor of hiddenSize',
      })
      .prefault({}),
    optimizerSteps: z.int().min(1).default(1000).meta(from('ours', 'Optimizer steps.')),
    batchSize: z.int().min(1).default(64).meta(from('ours', 'Demonstrations per optimizer step.')),
    learningRate: z.number().positive().default(3e-3).meta(from('ours', 'Peak learning rate of AdamW, cosine decay.')),
    checkpoints: inCheckpoints,
    run: Run,
  })
  .prefault({});
export type PretrainConfig = z.infer<typeof PretrainConfig>;

/** Monte Carlo tree search over reasoning steps; or best-of-N in its place, as an ablation. */
export const SearchConfig = z
  .strictObject({
    method: z
      .enum(['mcts', 'best-of-n'])
      .default('mcts')
      .meta(
        from(
          'paper, search; best-of-n is ours',
          'How trees are made. best-of-n samples whole solutions from the root: candidates, rollouts, iterations, cPuct, maxStepTokens, leavesInFlight and reuseRollouts say nothing then.',
        ),
      ),
    samples: z
      .int()
      .min(1)
      .optional()
      .meta(from('ours', 'N: solutions that method best-of-n samples per problem. Needed there, refused with mcts.')),
    candidates: z.int().min(1).default(8).meta(from('paper, search', 'k: candidate steps sampled at an expansion.')),
    rollouts: z.int().min(1).default(16).meta(from('paper, search', 'M: rollouts to the end that value one child.')),
    iterations: z
      .int()
      .min(1)
      .default(32)
      .meta(from('paper, search', 'Iterations of selection, expansion and backup per problem.')),
    maxDepth: z.int().min(1).default(50).meta(from('paper, search', 'Steps after which a path is given up.')),
    cPuct: z.number().positive().default(1).meta(from('ours', 'Exploration weight of PUCT.')),
    temperature: z.number().min(0).default(1).meta(from('ours', 'Sampling temperature of steps and rollouts.')),
    topP: fraction().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    maxStepTokens: z.int().min(1).default(512).meta(from('ours', 'Longest single step in tokens.')),
    maxRolloutTokens: z.int().min(1).default(4096).meta(from('ours', 'Longest rollout in tokens.')),
    problemsInFlight: z.int().min(1).default(64).meta(from('ours', 'Problems that a shard searches at the same time.')),
    leavesInFlight: z
      .int()
      .min(1)
      .default(1)
      .meta(
        from(
          'ours',
          'Leaves of one tree that are explored at the same time, with virtual loss; 1 is the paper’s sequential search.',
        ),
      ),
    reuseRollouts: z
      .boolean()
      .default(false)
      .meta(
        from(
          'ours',
          'Rollouts of a node whose first step equals a child count among the M of that child; only the others are sampled.',
        ),
      ),
    tokensPerProblem: z
      .int()
      .min(1)
      .optional()
      .meta(
        from(
          'ours',
          'Completion tokens after which a problem begins no further iteration: it ends with the tree it has. No limit when not set.',
        ),
      ),
    secondsPerProblem: z
      .number()
      .positive()
      .optional()
      .meta(
        from(
          'ours',
          'Time in one execution after which a problem begins no further iteration: it ends with the tree it has. No limit when not set.',
        ),
      ),
    run: Run,
  })
  .refine(({ method, samples }) => method !== 'best-of-n' || samples !== undefined, {
    path: ['samples'],
    message: 'expected the number of solutions that method best-of-n samples per problem',
  })
  .refine(({ method, samples }) => method !== 'mcts' || samples === undefined, {
    path: ['samples'],
    message: 'expected nothing, as method mcts samples no whole solutions (set method: best-of-n, or leave it out)',
  })
  .prefault({});
export type SearchConfig = z.infer<typeof SearchConfig>;

/** k: how many wrong branches a search trace has. */
export const WrongBranches = z
  .strictObject({ min: z.int().min(1).default(1), max: z.int().min(1).default(2) })
  .refine((range) => range.min <= range.max, {
    path: ['min'],
    message: 'expected a value not above wrongBranches.max',
  });

/** Turns trees into traces: root-to-terminal paths with jumps between them. The arm may override. */
export const LineariseConfig = z
  .strictObject({
    selfEvaluations: z
      .int()
      .min(0)
      .default(8)
      .meta(from('paper, linearisation', 'N: times the policy judges a correct solution; all must agree. 0 skips it.')),
    searchTraces: z
      .int()
      .min(0)
      .default(3)
      .meta(from('paper, linearisation', 'Search traces (k >= 1) per problem, at most.')),
    wrongBranches: WrongBranches.prefault({}).meta(
      from('paper, linearisation', 'k: wrong branches of a search trace, each with its own wrong answer.'),
    ),
    merge: z.boolean().default(true).meta(from('paper, linearisation', 'Leave out nodes that the trace already has.')),
    run: Run,
  })
  .prefault({});
export type LineariseConfig = z.infer<typeof LineariseConfig>;

/** Rewrites traces node by node as chains of thought with fixed reflection phrases. */
export const RewriteConfig = z
  .strictObject({
    attemptsPerStep: z
      .int()
      .min(1)
      .default(3)
      .meta(from('ours', 'Times a step is asked for before its solution is dropped.')),
    temperature: z.number().min(0).default(0.7).meta(from('ours', 'Sampling temperature of the rewriting.')),
    maxStepTokens: z.int().min(1).default(512).meta(from('ours', 'Longest rewritten step in tokens.')),
    reflectAboveQ: fraction()
      .default(0.75)
      .meta(from('ours', 'Q from which an intermediate node gets a positive reflection (the paper: "high Q").')),
    reflectProbability: fraction().default(0.2).meta(from('ours', 'Share of the nodes of high Q that get one.')),
    targetSolutions: z
      .int()
      .min(1)
      .default(36_100)
      .meta(
        from(
          'paper, procedure cloning',
          'Curated solutions wanted. A dropped one is replaced by the next trace while there are any.',
        ),
      ),
    solutionsInFlight: z
      .int()
      .min(1)
      .default(64)
      .meta(from('ours', 'Solutions that a shard rewrites at the same time.')),
    run: Run,
  })
  .prefault({});
export type RewriteConfig = z.infer<typeof RewriteConfig>;

/** Supervised fine-tuning on the solutions; loss on all tokens. */
export const SftConfig = z
  .strictObject({
    epochs: z
      .number()
      .positive()
      .default(1)
      .meta(from('paper, SFT', 'Passes over the solutions. One on purpose: RL follows.')),
    optimizerSteps: z
      .int()
      .min(1)
      .optional()
      .meta(from('ours', 'Optimizer steps in place of epochs: gives arms of different size the same budget.')),
    batchSize: z.int().min(1).default(64).meta(from('ours', 'Solutions per optimizer step, over all ranks.')),
    microBatchSize: z.int().min(1).default(1).meta(from('ours', 'Solutions per forward pass of a rank.')),
    learningRate: z
      .number()
      .positive()
      .default(3e-6)
      .meta(from('paper, SFT', 'Peak learning rate of AdamW, cosine decay.')),
    warmupSteps: z.int().min(0).default(5).meta(from('ours', 'Linear warm-up in optimizer steps.')),
    maxTokens: z.int().min(16).default(8192).meta(from('paper, SFT', 'Longest solution with its prompt in tokens.')),
    checkpoints: inCheckpoints,
    run: Run,
  })
  .refine((sft) => sft.batchSize % (sft.microBatchSize * sft.run.ranks) === 0, {
    path: ['batchSize'],
    message: 'expected a multiple of microBatchSize x run.ranks',
  })
  .prefault({});
export type SftConfig = z.infer<typeof SftConfig>;

/** Chooses the prompts that RL trains on: those which the SFT policy solves sometimes. */
export const CurriculumConfig = z
  .strictObject({
    samplesPerPrompt: z
      .int()
      .min(2)
      .default(16)
      .meta(from('ours', 'Completions per prompt. Below 8 the pass rate is coarse.')),
    passRate: z
      .strictObject({ min: fraction().default(0.01), max: fraction().default(0.75) })
      .refine((window) => window.min < window.max, { path: ['min'], message: 'expected a value below passRate.max' })
      .prefault({})
      .meta(from('ours', 'Kept window, inclusive. Neither 0 nor 1 gives a gradient.')),
    targetPrompts: z
      .int()
      .min(1)
      .default(8_700)
      .meta(from('paper, RL', 'Prompts wanted, at most; those nearest the middle of the window win.')),
    temperature: z.number().min(0).default(1).meta(from('ours', 'Sampling temperature.')),
    topP: fraction().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    maxTokens: z.int().min(1).default(8192).meta(from('ours', 'Longest completion in tokens.')),
    problemsInFlight: z.int().min(1).default(64).meta(from('ours', 'Prompts that a shard samples at the same time.')),
    run: Run,
  })
  .prefault({});
export type CurriculumConfig = z.infer<typeof CurriculumConfig>;

/** GRPO with +1/-1 rewards of the verifier. */
export const RlConfig = z
  .strictObject({
    optimizerSteps: z
      .int()
      .min(1)
      .default(1000)
      .meta(from('ours', 'Optimizer steps; the paper gives days, not steps.')),
    groupSize: z.int().min(2).default(4).meta(from('paper, RL', 'Rollouts per prompt.')),
    promptsPerStep: z.int().min(1).default(256).meta(from('ours', 'Prompts per optimizer step, over all ranks.')),
    microBatchSize: z.int().min(1).default(4).meta(from('ours', 'Rollouts per forward pass of a rank.')),
    learningRate: z.number().positive().default(2e-7).meta(from('ours', 'Learning rate of AdamW, constant.')),
    temperature: z.number().positive().default(1).meta(from('ours', 'Sampling temperature of the rollouts.')),
    topP: fraction().default(1).meta(from('ours', 'Nucleus of the rollouts.')),
    maxCompletionTokens: z.int().min(1).default(15_360).meta(from('ours', 'Longest rollout in tokens.')),
    klCoefficient: z
      .number()
      .min(0)
      .default(0)
      .meta(from('ours', 'Weight of the KL term against the SFT policy; 0 leaves it out.')),
    scaleAdvantages: z
      .boolean()
      .default(false)
      .meta(from('ours', 'Divide centred advantages by the standard deviation of their group.')),
    checkpoints: inCheckpoints,
    run: Run,
  })
  .refine((rl) => (rl.promptsPerStep * rl.groupSize) % (rl.microBatchSize * rl.run.ranks) === 0, {
    path: ['promptsPerStep'],
    message: 'expected promptsPerStep x groupSize to be a multiple of microBatchSize x run.ranks',
  })
  .prefault({});
export type RlConfig = z.infer<typeof RlConfig>;

/** Samples a policy on the benchmarks and has every completion verified. */
export const EvaluateConfig = z
  .strictObject({
    samplesPerProblem: z
      .int()
      .min(1)
      .default(4)
      .meta(from('ours', 'n: completions per problem; pass@1 is their mean.')),
    temperature: z.number().min(0).default(1).meta(from('ours', 'Sampling temperature.')),
    topP: fraction().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    greedy: z.boolean().default(true).meta(from('ours', 'One completion at temperature 0 beside the samples.')),
    maxTokens: z.int().min(1).default(8192).meta(from('ours', 'Longest completion in tokens.')),
    problemsInFlight: z.int().min(1).default(64).meta(from('ours', 'Problems that a shard samples at the same time.')),
    run: Run,
  })
  .prefault({});
export type EvaluateConfig = z.infer<typeof EvaluateConfig>;

/** The report. */
export const AnalyseConfig = z
  .strictObject({
    confidence: z.number().gt(0.5).lt(1).default(0.95).meta(from('ours', 'Level of every interval.')),
    bootstrapResamples: z
      .int()
      .min(100)
      .default(10_000)
      .meta(from('ours', 'Resamples over problems behind each bootstrap interval.')),
    solutionGraphs: z.int().min(0).default(6).meta(from('ours', 'Solutions drawn as graphs beside their text.')),
    run: Run,
  })
  .prefault({});
export type AnalyseConfig = z.infer<typeof AnalyseConfig>;

/** Settings by kind of stage. */
export const STAGE_CONFIGS = {
  prepare: PrepareConfig,
  pretrain: PretrainConfig,
  search: SearchConfig,
  linearise: LineariseConfig,
  rewrite: RewriteConfig,
  sft: SftConfig,
  curriculum: CurriculumConfig,
  rl: RlConfig,
  evaluate: EvaluateConfig,
  analyse: AnalyseConfig,
} as const;

export const StageKind = z.enum(
  Object.keys(STAGE_CONFIGS) as [keyof typeof STAGE_CONFIGS, ...(keyof typeof STAGE_CONFIGS)[]],
);
export type StageKind = z.infer<typeof StageKind>;
export type StageConfig<K extends StageKind = StageKind> = z.infer<(typeof STAGE_CONFIGS)[K]>;

/** Kinds that sample a policy, so that each of their pods has a policy server beside it. */
export const USES_POLICY_SERVER: ReadonlySet<StageKind> = new Set([
  'search',
  'linearise',
  'rewrite',
  'curriculum',
  'evaluate',
]);
/** Kinds that are Python trainers, and whose pods are ranks of a gang. */
export const IS_TRAINER: ReadonlySet<StageKind> = new Set(['pretrain', 'sft', 'rl']);
