import { z } from 'zod';
import { seconds, tokens, whole } from './fields.ts';
import { GPUS, type GpuName } from './gpus.ts';

const from = (source: string, description: string) => ({ description, source });
/** A share of a machine’s power or of a set: at 0 nothing would ever end. */
const share = () => z.number().min(0.001).max(1);

/** What `orrery plan` takes for granted. None of it changes a result or a key: it is there to forecast, and is checked against nothing. */
export const Assumptions = z
  .strictObject({
    gpu: z
      .enum(Object.keys(GPUS) as [GpuName, ...GpuName[]])
      .default('H100')
      .meta(from('ours', 'GPU that memory and time are computed for.')),
    gpusPerNode: whole(1, 1024).default(8).meta(from('ours', 'GPUs of a node.')),
    inferenceDtype: z
      .enum(['bf16', 'fp8'])
      .default('bf16')
      .meta(from('ours', 'Numbers of the weights of policy servers; fp8 leaves embeddings in bf16.')),
    trainingPrecision: z
      .enum(['fp32-master', 'bf16'])
      .default('fp32-master')
      .meta(
        from(
          'ours',
          'fp32-master: weights, gradients and AdamW moments in fp32, computed in bf16 (16 bytes a parameter); bf16: all of them in bf16 (8).',
        ),
      ),
    offload: z
      .enum(['none', 'optimizer', 'all'])
      .default('none')
      .meta(from('ours', 'What of the training state lies in the memory of the node in place of the GPU.')),
    chunkedLoss: z
      .boolean()
      .default(false)
      .meta(from('ours', 'Whether logits are made eight chunks at a time, and never all at once.')),
    rlPlacement: z
      .enum(['split', 'colocated'])
      .default('split')
      .meta(
        from('paper, RL', 'split: half of the GPUs train, half generate; colocated: all do both, one after the other.'),
      ),
    trainingMfu: share()
      .default(0.4)
      .meta(
        from(
          'Llama 3 report, table 4: 38 to 43 % on H100',
          'Share of the GPU’s bf16 peak that training makes use of (6 FLOPs a parameter and token).',
        ),
      ),
    generationMfu: share()
      .default(0.126)
      .meta(
        from(
          'Lambda’s vLLM benchmark: 3,543 tokens/s of Llama 3.1 70B on 4 H100, 8,088 of 8B on 1',
          'Share of it that generation makes use of at full batches (2 FLOPs a parameter and generated token).',
        ),
      ),
    rolloutEfficiency: share()
      .default(0.5)
      .meta(from('ours', 'Share of full batches over a step of RL, whose last rollouts run in ever smaller ones.')),
    startSeconds: seconds(0, 24)
      .default(300)
      .meta(from('ours', 'From a pod’s start to its first unit of work: image, weights, compilation.')),
    promptTokens: tokens().default(256).meta(from('ours', 'Mean prompt in tokens, with its few-shot examples.')),
    longestPromptTokens: tokens().default(1024).meta(from('ours', 'Longest prompt in tokens.')),
    stepTokens: tokens().default(80).meta(from('ours', 'Mean reasoning step in tokens.')),
    rolloutTokens: tokens().default(600).meta(from('ours', 'Mean rollout of the search in tokens.')),
    solutionTokens: tokens().default(2000).meta(from('ours', 'Mean rewritten solution in tokens.')),
    completionTokens: tokens()
      .default(3900)
      .meta(from('paper, RL: from about 1.8K to about 6K', 'Mean completion of SFT and RL policies in tokens.')),
    searchProblems: whole(1, 100_000_000)
      .default(20_700)
      .meta(from('paper, search', 'Problems searched, where the data does not say.')),
    benchmarkProblems: whole(1, 100_000_000)
      .default(570)
      .meta(
        from('paper, evaluation: MATH-500, AMC 2023, AIME 2024', 'Benchmark problems, where the data does not say.'),
      ),
    solvedShare: share()
      .default(0.8)
      .meta(from('ours', 'Share of the searched problems that leave a correct solution.')),
    secondsPerRlStep: seconds(0.001, 24)
      .optional()
      .meta(from('ours', 'Seconds of an optimizer step of RL, where they are known; else they are computed.')),
    sequencesPerServer: whole(1, 65_536)
      .default(64)
      .meta(from('ours', 'Sequences of mean length that a policy server has room for at least; fewer waste the GPU.')),
  })
  .prefault({});
export type Assumptions = z.infer<typeof Assumptions>;
