import { z } from 'zod';
import type { Counts } from '../../spec/manifest.ts';
import { type Problem, Tree } from '../../spec/records.ts';
import type { Place } from '../io/journal.ts';
import { Cost } from './cost.ts';
import { isSolved, type SearchTree } from './tree.ts';

/**
 * `child` of an expansion among the answers of its iteration, and of the solutions of best-of-N. The values of the
 * children have 0 and up.
 */
export const EXPANSION = -1;

const ofAnswer = {
  problem: z.string().min(1),
  /** From 0 within the problem. */
  iteration: z.int().min(0),
  /** Position among the siblings; {@link EXPANSION} for the candidates themselves. */
  child: z.int().min(EXPANSION),
  /** Digest of the steps that the answer belongs to. */
  state: z.int().min(0),
  cost: Cost,
};

/** The verifier's result for a step that ends a solution. */
const Ended = z.object({ reward: z.number().min(0).max(1), answer: z.string().nullable() });

/** One answer of the policy and the verifier. A tree follows from its answers, so a search must not lose them. */
export const Answer = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('candidates'),
    ...ofAnswer,
    candidates: z.array(
      z.object({
        step: z.string(),
        prior: z.number().min(0).max(1),
        end: Ended.nullable(),
      }),
    ),
  }),
  z.object({
    type: z.literal('value'),
    ...ofAnswer,
    value: z.number().min(0).max(1),
    paths: z.array(z.object({ step: z.string(), right: z.boolean().nullable() })),
  }),
  z.object({
    type: z.literal('solutions'),
    ...ofAnswer,
    solutions: z.array(z.object({ steps: z.array(z.string()).min(1), end: Ended })),
  }),
]);
export type Answer = z.infer<typeof Answer>;

/** A finished tree with its counts. It replaces the answers that it was grown from. */
export const Finished = z.object({ type: z.literal('tree'), counts: z.record(z.string(), z.number()), tree: Tree });
export type Finished = z.infer<typeof Finished>;

/** An entry of the journal. */
export const Entry = z.discriminatedUnion('type', [...Answer.options, Finished]);
export type Entry = z.infer<typeof Entry>;

/** Answers of one problem by {@link keyOf}. */
export type JournalledAnswers = ReadonlyMap<string, Answer>;
export const keyOf = ({ iteration, child }: Pick<Answer, 'iteration' | 'child'>): string => `${iteration}/${child}`;

/**
 * What is remembered of a finished tree. The tree itself stays in the journal, so that memory does not grow with
 * finished work.
 */
export interface FinishedSearch {
  readonly problem: string;
  readonly place: Place;
  readonly counts: Counts;
}

/** What earlier executions left; see {@link foldJournal}. */
export interface JournalState {
  readonly done: Map<string, FinishedSearch>;
  readonly answers: Map<string, Map<string, Answer>>;
}

/**
 * Folds a journal, entry by entry. The later of two answers to one question counts, and the later of two trees. Answers
 * after the tree come from a replaced attempt and are ignored.
 */
export function foldJournal(): JournalState & { visit(entry: Entry, place: Place): void } {
  const done = new Map<string, FinishedSearch>();
  const answers = new Map<string, Map<string, Answer>>();
  return {
    done,
    answers,
    visit(entry, place) {
      if (entry.type === 'tree') {
        const problem = entry.tree.problem.id;
        done.set(problem, { problem, place, counts: entry.counts });
        answers.delete(problem);
      } else if (!done.has(entry.problem)) {
        const those = answers.get(entry.problem) ?? new Map<string, Answer>();
        answers.set(entry.problem, those.set(keyOf(entry), entry));
      }
    },
  };
}

/** Why a search ended before its iterations were used up and its tree was exhausted. */
export type EndedBy = NonNullable<Tree['endedBy']>;

/** The finished tree of a problem, and its counts. The counts of several trees can be added up. */
export function finishedTree(
  problem: Problem,
  { nodes }: Pick<SearchTree, 'nodes'>,
  iterations: number,
  cost: Cost,
  endedBy: EndedBy | null,
): Finished {
  const terminals = nodes.filter((node) => node.terminal);
  const counts = {
    problems: 1,
    solved: isSolved({ nodes }) ? 1 : 0,
    iterations,
    nodes: nodes.length,
    visits: nodes[0]!.visits,
    expansions: new Set(nodes.flatMap(({ parent }) => (parent === null ? [] : [parent]))).size,
    terminals: terminals.length,
    right: terminals.filter((node) => node.reward === 1).length,
    endedByTokens: endedBy === 'tokens' ? 1 : 0,
    endedByDeadline: endedBy === 'deadline' ? 1 : 0,
    requests: cost.requests,
    rollouts: cost.rollouts,
    reusedRollouts: cost.reused,
    unjudgedRollouts: cost.unjudged,
    unjudgedTerminals: cost.unjudgedTerminals,
    timedOut: cost.timedOut,
    cutToRoom: cost.cutToRoom,
    withoutRoom: cost.withoutRoom,
    droppedCandidates: cost.dropped,
    promptTokens: cost.promptTokens,
    completionTokens: cost.completionTokens,
  };
  const tokens = { prompt: cost.promptTokens, completion: cost.completionTokens };
  return {
    type: 'tree',
    counts,
    tree: { problem, nodes: [...nodes], iterations, tokens, ...(endedBy && { endedBy }) },
  };
}

/**
 * Counts of the part: the sums over its trees. They follow from the trees alone, so an interrupted search has the same
 * counts.
 */
export function sumCounts(all: Iterable<Counts>): Counts {
  const sums: Record<string, number> = {};
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}
