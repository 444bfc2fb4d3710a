import { z } from 'zod';

/**
 * Lines of the JSONL files that stages hand to each other. File names are in {@link FILES}.
 * Of what a program wrote for a program we describe the fields that are read, and let others pass.
 */

/** A problem with its reference answer. The verifier judges `(problem, reference, completion)`. */
export const Problem = z.object({
  id: z.string().min(1),
  problem: z.string().min(1).describe('Text of the problem, without instructions.'),
  reference: z.string().describe('Reference answer in the form that the domain’s verifier reads.'),
  source: z
    .string()
    .describe('Name of the set, of benchmarks too; <set>/<origin> where the set tells where a problem comes from.'),
  level: z.string().optional().describe('Difficulty as the set gives it.'),
});
export type Problem = z.infer<typeof Problem>;

/** The verifier's word on one completion. */
export const Verdict = z.object({
  verdict: z
    .enum(['right', 'wrong', 'unjudged'])
    .describe('unjudged: cannot be judged or timed out; never counted as wrong by itself.'),
  answer: z
    .string()
    .nullable()
    .describe('The answer found, normalised, so that equal answers are equal strings; null without one.'),
  reason: z.string().nullish().describe('Why it is unjudged: timeout, memory, crash, or words; null otherwise.'),
});
export type Verdict = z.infer<typeof Verdict>;

/** One node of a search tree. Nodes are numbered in order of creation; the root is 0 and has no step. */
export const TreeNode = z.object({
  id: z.int().min(0),
  parent: z.int().min(0).nullable(),
  step: z.string().describe('Text of the reasoning step that leads here from the parent.'),
  prior: z
    .number()
    .min(0)
    .max(1)
    .describe('P(a|S): the policy’s probability of the step, among the candidates of its parent.'),
  visits: z.int().min(0).describe('N(S).'),
  q: z.number().min(0).max(1).describe('Q(S): mean verifier score of what was seen below.'),
  reward: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe(
      'R: mean score of its own rollouts, or of itself when terminal; null at the root and where best-of-N sampled through; 0 where nothing could follow.',
    ),
  terminal: z.boolean(),
  answer: z
    .string()
    .nullable()
    .describe('Normalised final answer of a terminal; null elsewhere, or where there is none.'),
});
export type TreeNode = z.infer<typeof TreeNode>;

/** The search tree of one problem, finished. */
export const Tree = z.object({
  problem: Problem,
  nodes: z.array(TreeNode).min(1),
  iterations: z.int().min(0),
  tokens: z.object({ prompt: z.int().min(0), completion: z.int().min(0) }),
  endedBy: z
    .enum(['tokens', 'deadline'])
    .optional()
    .describe('The budget that ran out before the iterations did; the tree is what there was by then.'),
});
export type Tree = z.infer<typeof Tree>;

/** How a trace moves to a node: on from the one before, or back to an ancestor and on from there. */
export const Move = z.discriminatedUnion('type', [
  z.object({ type: z.literal('continue') }),
  z.object({
    type: z.literal('backtrack'),
    to: z
      .int()
      .min(0)
      .describe(
        'Parent of the step that follows, which is where this branch leaves what was visited; 0 is a restart at the root.',
      ),
  }),
]);
export type Move = z.infer<typeof Move>;

/** What the policy said of one right solution of a tree, and what the search knows of the same reasoning. */
export const SelfEvaluation = z.object({
  problem: z.string().min(1),
  node: z.int().min(1).describe('The right terminal.'),
  times: z.int().min(0).describe('N: times that the policy judged; 0 where it was not asked.'),
  approvals: z
    .int()
    .min(0)
    .nullable()
    .describe('Times that it approved; null where the solution was too long to be judged.'),
  accepted: z.boolean().describe('All N approved, or it was not asked.'),
  value: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe(
      'R of the node before the answer: share of its rollouts that came out right; null where that is the root.',
    ),
});
export type SelfEvaluation = z.infer<typeof SelfEvaluation>;

/** A visited node of a trace. */
export const TraceStep = z.object({
  node: z.int().min(1),
  step: z.string(),
  q: z.number().min(0).max(1),
  move: Move,
  /** Name of the place returned to, for "Let's go back to ..."; null unless `move` is a backtrack to a node other than the root. */
  backTo: z.string().nullable(),
});
export type TraceStep = z.infer<typeof TraceStep>;

/** A linearised walk through a tree. `k` wrong branches, then the right one. */
export const Trace = z.object({
  id: z.string().min(1),
  problem: Problem,
  k: z.int().min(0),
  steps: z.array(TraceStep).min(1),
  wrongAnswers: z.array(z.string()).describe('Answers of the wrong branches, in order, all different.'),
  answer: z.string().describe('Final answer of the right terminal, normalised.'),
  terminalStep: z.string().describe('Text of the right terminal’s step, which holds the final answer.'),
});
export type Trace = z.infer<typeof Trace>;

/** A stretch of a solution's text and what it is. Offsets in UTF-16 code units of `text`. */
export const Span = z.object({
  from: z.int().min(0),
  to: z.int().min(0),
  kind: z.enum(['step', 'reflection', 'negative', 'positive', 'backtrack', 'restart', 'answer']),
  node: z.int().min(0).nullable().describe('Tree node that the stretch tells of.'),
});
export type Span = z.infer<typeof Span>;

/** A trace rewritten as a chain of thought: what SFT trains on. */
export const Solution = z.object({
  id: z.string().min(1),
  problem: Problem,
  prompt: z.string().describe('Exact prompt, as the policy gets it.'),
  text: z.string().min(1).describe('Chain of thought with the final answer.'),
  k: z.int().min(0),
  spans: z.array(Span),
  writtenTokens: z
    .int()
    .min(0)
    .optional()
    .describe(
      'Tokens of the steps as the policy wrote them; the fixed phrases and the final answer are not among them.',
    ),
});
export type Solution = z.infer<typeof Solution>;

/** What the curriculum filter saw of one prompt, and what it decided. */
export const PassRate = z.object({
  problem: Problem,
  prompt: z.string(),
  samples: z.int().min(1),
  right: z.int().min(0),
  unjudged: z.int().min(0),
  passRate: z.number().min(0).max(1),
  kept: z.boolean(),
  reason: z.enum(['kept', 'too-easy', 'too-hard', 'over-target']),
});
export type PassRate = z.infer<typeof PassRate>;

/** One completion of an evaluation with its verdict. */
export const EvaluatedCompletion = z.object({
  benchmark: z.string(),
  problemId: z.string(),
  problem: z.string(),
  sample: z
    .int()
    .min(0)
    .describe('Number of the sample from 0; the greedy completion is -1 in `mode: greedy`.')
    .or(z.literal(-1)),
  mode: z.enum(['greedy', 'sampled']),
  text: z.string(),
  tokens: z.int().min(0),
  finishReason: z.enum(['stop', 'length']),
  verdict: Verdict.shape.verdict,
  answer: z.string().nullable(),
  reason: z.string().nullish().describe('Why it is unjudged.'),
  backtracks: z.int().min(0).describe('Times the text goes back to an earlier step or restarts.'),
});
export type EvaluatedCompletion = z.infer<typeof EvaluatedCompletion>;

/** One line of a trainer's metrics file. Names that every trainer writes; others pass. */
export const TrainingMetric = z.looseObject({
  optimizerStep: z.int().min(0),
  attempt: z.int().min(0),
  loss: z.number().nullable(),
  learningRate: z.number().optional(),
  /** RL only: mean reward in [-1, 1], mean completion length in tokens, mean backtracks per completion. */
  reward: z.number().optional(),
  completionTokens: z.number().optional(),
  backtracks: z.number().optional(),
});
export type TrainingMetric = z.infer<typeof TrainingMetric>;

/**
 * Names of output files by stage kind, relative to `data/` of the stage. Where a stage is sharded every pod writes its own part:
 * `partFile(FILES.search.trees, 3)` is `trees-00003.jsonl`.
 */
export const FILES = {
  prepare: { search: 'search.jsonl', curriculum: 'curriculum.jsonl', benchmarks: 'benchmarks.jsonl' },
  /** What became of the records: kind `prepare` too. */
  dataCard: {
    card: 'card.json',
    setAside: 'set-aside.jsonl',
    duplicates: 'duplicates.jsonl',
    contamination: 'contamination.jsonl',
  },
  search: { trees: 'trees.jsonl' },
  linearise: { traces: 'traces.jsonl', selfEvaluations: 'self-evaluations.jsonl' },
  rewrite: { solutions: 'solutions.jsonl', dropped: 'dropped.jsonl' },
  curriculum: { passRates: 'pass-rates.jsonl' },
  evaluate: { completions: 'completions.jsonl' },
  /** Trainers leave the final policy in Hugging Face layout in the folder `policy/`, and metrics by optimizer step. */
  trainer: { policy: 'policy', metrics: 'metrics.jsonl' },
  analyse: { html: 'report.html', json: 'report.json' },
} as const;

/** Name of the file that pod `part` writes: `trees.jsonl`, 3 -> `trees-00003.jsonl`. */
export function partFile(name: string, part: number): string {
  const dot = name.lastIndexOf('.');
  return `${name.slice(0, dot)}-${String(part).padStart(5, '0')}${name.slice(dot)}`;
}
