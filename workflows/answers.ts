import type { Timed } from '../activities/index.ts';

/**
 * The value of an activity's answer. Workers of earlier versions gave the answers of four activities without times; histories keep them so.
 */
export function answerOf<T>(answer: Timed<T>): T {
  const isTimed = typeof answer === 'object' && answer !== null && 'startedAt' in answer && 'finishedAt' in answer;
  return isTimed ? answer.value : (answer as T);
}
