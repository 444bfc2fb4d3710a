import type { Timed } from '../activities/index.ts';

/** The value of an activity's answer. In older histories the answers of four activities have no times. */
export function answerOf<T>(answer: Timed<T>): T {
  const isTimed = typeof answer === 'object' && answer !== null && 'startedAt' in answer && 'finishedAt' in answer;
  return isTimed ? answer.value : (answer as T);
}
