import { z } from 'zod';
import { seconds, tokens, whole } from './fields.ts';
import { GPUS, type GpuName } from './gpus.ts';
import { from } from './stages/shared.ts';

/** A fraction above 0: forecasts divide by it. */
const share = () => z.number().min(0.001).max(1);

/**
 * Assumptions of `orrery plan`. They are used only for its forecasts, so they change no result and no key. Nothing
 * checks them.
 */
export const Assumptions = z
  .strictObject({
    gpu: z
      .enum(Object.keys(GPUS) as [GpuName, ...GpuName[]])
      .default('H100')
      .meta(from('ours', 'GPU model for which memory and time are computed.')),
    gpusPerNode: whole(1, 1024).default(8).meta(from('ours', 'GPUs per node.')),
    inferenceDtype: z
      .enum(['bf16', 'fp8'])
      .default('bf16')
      .meta(from('ours', 'Number format of the weights in policy servers; with fp8, embeddings stay in bf16.')),
    trainingPrecision: z
      .enum(['fp32-master', 'bf16'])
      .default('fp32-master')
      .meta(
        from(
          'ours',
          'fp32-master: weights, gradients and AdamW moments in fp32, computation in bf16 (16 bytes per parameter). bf16: all of them in bf16 (8 bytes).',
        ),
      ),
    offload: z
      .enum(['none', 'optimizer', 'all'])
      .default('none')
      .meta(from('ours', 'Part of the training state that is kept in the memory of the node instead of the GPU.')),
    chunkedLoss: z
      .boolean()
      .default(false)
      .meta(from('ours', 'Whether logits are computed in eight chunks instead of all at once.')),
    rlPlacement: z
      .enum(['split', 'colocated'])
      .default('split')
      .meta(from('paper, RL', 'split: half of the GPUs train and half generate. colocated: all GPUs do both in turn.')),
    trainingMfu: share()
      .default(0.4)
      .meta(
        from(
          'Llama 3 report, table 4: 38 to 43 % on H100',
          'Fraction of the GPU’s peak bf16 FLOPs that training reaches (6 FLOPs per parameter and token).',
        ),
      ),
    generationMfu: share()
      .default(0.126)
      .meta(
        from(
          'Lambda’s vLLM benchmark: 3,543 tokens/s of Llama 3.1 70B on 4 H100, 8,088 of 8B on 1',
          'Fraction of that peak that generation reaches with full batches (2 FLOPs per parameter and generated token).',
        ),
      ),
    rolloutEfficiency: share()
      .default(0.5)
      .meta(
        from(
          'ours',
          'Mean batch fill over an RL step, as a fraction: the last rollouts of a step run in small batches.',
        ),
      ),
    startSeconds: seconds(0, 24)
      .default(300)
      .meta(from('ours', 'Time from a pod’s start to its first unit of work: image, weights, compilation.')),
    promptTokens: tokens()
      .default(256)
      .meta(from('ours', 'Mean length of a prompt with its few-shot examples, in tokens.')),
    longestPromptTokens: tokens().default(1024).meta(from('ours', 'Length of the longest prompt in tokens.')),
    stepTokens: tokens().default(80).meta(from('ours', 'Mean length of a reasoning step in tokens.')),
    rolloutTokens: tokens().default(600).meta(from('ours', 'Mean length of a rollout of the search in tokens.')),
    solutionTokens: tokens().default(2000).meta(from('ours', 'Mean length of a rewritten solution in tokens.')),
    completionTokens: tokens()
      .default(3900)
      .meta(
        from(
          'paper, RL: from about 1.8K to about 6K',
          'Mean length of a completion of an SFT or RL policy, in tokens.',
        ),
      ),
    searchProblems: whole(1, 100_000_000)
      .default(20_700)
      .meta(from('paper, search', 'Number of problems searched, if the data does not say.')),
    benchmarkProblems: whole(1, 100_000_000)
      .default(570)
      .meta(
        from(
          'paper, evaluation: MATH-500, AMC 2023, AIME 2024',
          'Number of benchmark problems, if the data does not say.',
        ),
      ),
    solvedShare: share()
      .default(0.8)
      .meta(from('ours', 'Fraction of the searched problems for which a correct solution is found.')),
    secondsPerRlStep: seconds(0.001, 24)
      .optional()
      .meta(from('ours', 'Seconds per optimizer step of RL, if known; otherwise computed.')),
    sequencesPerServer: whole(1, 65_536)
      .default(64)
      .meta(
        from(
          'ours',
          'Minimum number of sequences of mean length that a policy server must have memory for; fewer waste the GPU.',
        ),
      ),
  })
  .prefault({});
export type Assumptions = z.infer<typeof Assumptions>;
