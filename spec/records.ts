import { z } from 'zod';

/**
 * Records in the JSONL files that stages pass to each other. The file names are in {@link FILES}.
 * Programs write and read these files, so the schemas describe only the fields that are read and ignore others.
 */

/** A problem with its reference answer. The verifier judges `(problem, reference, completion)`. */
export const Problem = z.object({
  id: z.string().min(1),
  problem: z.string().min(1).describe('Text of the problem without instructions.'),
  reference: z.string().describe('Reference answer in the form that the domain’s verifier reads.'),
  source: z
    .string()
    .describe('Name of the set or benchmark; <set>/<origin> if the set names the origin of each problem.'),
  level: z.string().optional().describe('Difficulty according to the set.'),
});
export type Problem = z.infer<typeof Problem>;

/** The verdict of the verifier on one completion. */
export const Verdict = z.object({
  verdict: z
    .enum(['right', 'wrong', 'unjudged'])
    .describe('unjudged: the answer could not be judged, or the judging timed out. It does not count as wrong.'),
  answer: z
    .string()
    .nullable()
    .describe('The answer that was found, normalised so that equal answers are equal strings; null without an answer.'),
  reason: z
    .string()
    .nullish()
    .describe('Why the verdict is unjudged: timeout, memory, crash, or a message; null otherwise.'),
});
export type Verdict = z.infer<typeof Verdict>;

/** One node of a search tree. Nodes are numbered in order of creation. The root is 0 and has no step. */
export const TreeNode = z.object({
  id: z.int().min(0),
  parent: z.int().min(0).nullable(),
  step: z.string().describe('Text of the reasoning step from the parent to this node.'),
  prior: z
    .number()
    .min(0)
    .max(1)
    .describe('P(a|S): the probability of the step under the policy, normalised over the candidates of the parent.'),
  visits: z.int().min(0).describe('N(S).'),
  q: z.number().min(0).max(1).describe('Q(S): mean verifier score of everything sampled below this node.'),
  reward: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe(
      'R: mean score of its own rollouts, or its own score for a terminal. Null for the root and for inner nodes of best-of-N. 0 for a node that cannot be continued.',
    ),
  terminal: z.boolean(),
  answer: z
    .string()
    .nullable()
    .describe('Normalised final answer of a terminal; null for other nodes and for a terminal without an answer.'),
});
export type TreeNode = z.infer<typeof TreeNode>;

/** The finished search tree of one problem. */
export const Tree = z.object({
  problem: Problem,
  nodes: z.array(TreeNode).min(1),
  iterations: z.int().min(0),
  tokens: z.object({ prompt: z.int().min(0), completion: z.int().min(0) }),
  endedBy: z
    .enum(['tokens', 'deadline'])
    .optional()
    .describe('The budget that ended the search before all iterations were done. The tree is what existed by then.'),
});
export type Tree = z.infer<typeof Tree>;

/** How a trace moves to a node: from the node before it, or after a return to an ancestor. */
export const Move = z.discriminatedUnion('type', [
  z.object({ type: z.literal('continue') }),
  z.object({
    type: z.literal('backtrack'),
    to: z
      .int()
      .min(0)
      .describe('Parent of the step, where this branch leaves the visited nodes. 0 is a restart at the root.'),
  }),
]);
export type Move = z.infer<typeof Move>;

/**
 * Self-evaluation of one right solution of a tree by the policy, with the value that the search gave the same
 * reasoning.
 */
export const SelfEvaluation = z.object({
  problem: z.string().min(1),
  node: z.int().min(1).describe('The right terminal.'),
  times: z.int().min(0).describe('N: number of judgements by the policy; 0 if self-evaluation was skipped.'),
  approvals: z.int().min(0).nullable().describe('Number of approvals; null if the solution was too long to judge.'),
  accepted: z.boolean().describe('Whether all N judgements approved, or self-evaluation was skipped.'),
  value: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .describe(
      'R of the node before the answer: the fraction of its rollouts that were right. Null if that node is the root.',
    ),
});
export type SelfEvaluation = z.infer<typeof SelfEvaluation>;

/** A visited node of a trace. */
export const TraceStep = z.object({
  node: z.int().min(1),
  step: z.string(),
  q: z.number().min(0).max(1),
  move: Move,
  /**
   * Name of the place to return to, for "Let's go back to ..."; null unless `move` is a backtrack to a node other than
   * the root.
   */
  backTo: z.string().nullable(),
});
export type TraceStep = z.infer<typeof TraceStep>;

/** A linearised walk through a tree: `k` wrong branches, then the right one. */
export const Trace = z.object({
  id: z.string().min(1),
  problem: Problem,
  k: z.int().min(0),
  steps: z.array(TraceStep).min(1),
  wrongAnswers: z.array(z.string()).describe('Answers of the wrong branches in order, all different.'),
  answer: z.string().describe('Normalised final answer of the right terminal.'),
  terminalStep: z.string().describe('Text of the right terminal’s step, which contains the final answer.'),
});
export type Trace = z.infer<typeof Trace>;

/** A part of a solution's text and its kind. Offsets are UTF-16 code units of `text`. */
export const Span = z.object({
  from: z.int().min(0),
  to: z.int().min(0),
  kind: z.enum(['step', 'reflection', 'negative', 'positive', 'backtrack', 'restart', 'answer']),
  node: z.int().min(0).nullable().describe('Tree node that this part of the text is about.'),
});
export type Span = z.infer<typeof Span>;

/** A trace that was rewritten as a chain of thought. SFT trains on solutions. */
export const Solution = z.object({
  id: z.string().min(1),
  problem: Problem,
  prompt: z.string().describe('Exact prompt of the policy.'),
  text: z.string().min(1).describe('Chain of thought with the final answer.'),
  k: z.int().min(0),
  spans: z.array(Span),
  writtenTokens: z
    .int()
    .min(0)
    .optional()
    .describe('Tokens that the policy wrote in the steps, without fixed phrases and final answer.'),
});
export type Solution = z.infer<typeof Solution>;

/** The pass rate of one prompt, and the decision of the curriculum filter. */
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
  sample: z.int().min(0).describe('Number of the sample, from 0. -1 for the greedy completion.').or(z.literal(-1)),
  mode: z.enum(['greedy', 'sampled']),
  text: z.string(),
  tokens: z.int().min(0),
  finishReason: z.enum(['stop', 'length']),
  verdict: Verdict.shape.verdict,
  answer: z.string().nullable(),
  reason: z.string().nullish().describe('Why the verdict is unjudged.'),
  backtracks: z.int().min(0).describe('How often the text returns to an earlier step or restarts.'),
});
export type EvaluatedCompletion = z.infer<typeof EvaluatedCompletion>;

/** One line of a trainer's metrics file. These are the fields of every trainer; a trainer may write others. */
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
 * Names of output files by stage kind, relative to `data/` of the stage. Each pod of a sharded stage writes its own
 * file: `partFile(FILES.search.trees, 3)` is `trees-00003.jsonl`.
 */
export const FILES = {
  prepare: { search: 'search.jsonl', curriculum: 'curriculum.jsonl', benchmarks: 'benchmarks.jsonl' },
  /** Files of kind `prepare` that report what happened to the records. */
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
  /** Trainers write the final policy in Hugging Face layout to the folder `policy/`, and metrics by optimizer step. */
  trainer: { policy: 'policy', metrics: 'metrics.jsonl' },
  analyse: { html: 'report.html', json: 'report.json' },
} as const;

/** Name of the file that pod `part` writes: `trees.jsonl`, 3 -> `trees-00003.jsonl`. */
export function partFile(name: string, part: number): string {
  const dot = name.lastIndexOf('.');
  return `${name.slice(0, dot)}-${String(part).padStart(5, '0')}${name.slice(dot)}`;
}
