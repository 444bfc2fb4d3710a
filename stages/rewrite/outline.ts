import type { LoadedDomain } from '../../domains/domain.ts';
import type { Span, Trace } from '../../spec/records.ts';
import type { RewriteConfig } from '../../spec/stages/rewrite.ts';
import { reasoningOf, splitTerminal } from '../linearise/terminal-step.ts';

/** A piece of a solution before it is written: a fixed phrase, or a step that is still to be rewritten as prose. */
export interface Part {
  readonly kind: Span['kind'];
  /** Tree node that the piece is about. For a backtrack it is the node that it goes back to, for a restart the root. */
  readonly node: number;
  /** The fixed phrase, or the step as it is in the tree (`kind: 'step'`). */
  readonly text: string;
  /**
   * Whether it continues the sentence flow of the part before (a verdict after its reflection) instead of starting a
   * step.
   */
  readonly follows: boolean;
}

export type OutlineSettings = Pick<RewriteConfig, 'reflectAboveQ' | 'reflectProbability'>;

/**
 * The outline of a solution, made from its trace:
 * - where the trace goes back: a reflection, the negative verdict, and the place gone back to (or the restart);
 * - after some intermediate nodes of high Q, and after the last step of reasoning: a reflection and the positive
 *   verdict;
 * - at the end: the final answer, in the words of the tree.
 *
 * The verdict always follows the reflection. A direct trace has no reflections. A node that the trace goes back from
 * gets no positive verdict.
 * @param random - uniform numbers in [0, 1), one for each intermediate node of high Q
 * @see ASTRO (arXiv 2507.00417), procedure cloning
 */
export function outline(
  trace: Pick<Trace, 'k' | 'steps' | 'terminalStep'>,
  domain: Pick<LoadedDomain, 'phrases' | 'splitSteps' | 'join'>,
  { reflectAboveQ, reflectProbability }: OutlineSettings,
  random: () => number,
): Part[] {
  const { phrases } = domain;
  const right = trace.steps.at(-1)!;
  const steps = trace.steps.flatMap((step, index) => {
    // A branch ends in a terminal. After it comes a jump, or nothing.
    const terminal = index === trace.steps.length - 1 || trace.steps[index + 1]!.move.type === 'backtrack';
    const text = reasoningOf({ step: step.step, terminal }, domain);
    return text === '' ? [] : [{ ...step, step: text }];
  });
  const parts = steps.flatMap((step, index): Part[] => {
    const next = steps[index + 1];
    const written: Part[] = [{ kind: 'step', node: step.node, text: step.step, follows: false }];
    if (step.move.type === 'backtrack')
      written.unshift(...goingBack(steps[index - 1]!.node, step.move.to, step.backTo));
    if (trace.k === 0) return written;
    const ofHighQ = step.q >= reflectAboveQ && next?.move.type === 'continue' && random() < reflectProbability;
    if (next === undefined || ofHighQ) written.push(...reflection(step.node, 'positive'));
    return written;
  });
  const { answer } = splitTerminal(trace.terminalStep, domain);
  return [...parts, { kind: 'answer', node: right.node, text: answer, follows: false }];

  function reflection(node: number, verdict: 'positive' | 'negative'): Part[] {
    return [
      { kind: 'reflection', node, text: phrases.reflection, follows: false },
      { kind: verdict, node, text: phrases[verdict], follows: true },
    ];
  }
  function goingBack(from: number, to: number, place: string | null): Part[] {
    const jump: Part =
      to === 0
        ? { kind: 'restart', node: 0, text: phrases.restart, follows: true }
        : { kind: 'backtrack', node: to, text: phrases.goBack.replace('{place}', () => place ?? ''), follows: true };
    return [...reflection(from, 'negative'), jump];
  }
}
