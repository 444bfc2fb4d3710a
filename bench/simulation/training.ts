import type { Interruption, NextInterruption } from './failure-model.ts';

/** A training of equal steps on a gang, and what it costs to start, save and find out that it has stopped. All times in seconds. */
export interface Training {
  readonly steps: number;
  readonly stepSeconds: number;
  readonly stepsPerCheckpoint: number;
  /** The gang stands still while a checkpoint is saved. */
  readonly saveSeconds: number;
  /** From the request for nodes to its pods. */
  readonly queueSeconds: number;
  /** From its pods to work: images, weights, rendezvous. */
  readonly startSeconds: number;
  /** Between the notice of a preemption and the kill: a gang finishes its step, then saves, as the trainers do. */
  readonly graceSeconds: number;
  /** From the last sign of life of a gang to the end of its pods, by what befell it. */
  readonly detectSeconds: Readonly<Record<Exclude<Interruption, 'Preempted'>, number>>;
}

/** How one execution went. Times are seconds since it was asked for; null where it did not come so far. */
export interface Execution {
  readonly end: 'completed' | Interruption;
  readonly firstPodAt: number;
  readonly beganAt: number | null;
  /** When it last told how far it was: at its beginning, after a step, after a save. */
  readonly toldAt: number | null;
  readonly endedAt: number;
  readonly from: number;
  readonly done: number;
  /** The step that the next execution can go on from. */
  readonly checkpoint: number;
  /** Of saves that came to their end. */
  readonly savingSeconds: number;
  /** Time at work, kept or not. */
  readonly workSeconds: number;
  /** Of it what no checkpoint holds at the end. */
  readonly lostSeconds: number;
  /** Neither at work nor saved for good: saves that were cut off, and the time until an end was noticed. */
  readonly idleSeconds: number;
}

/**
 * One execution of a training, from a checkpoint to its end or its next interruption. Pure.
 * @param from - steps that its checkpoint holds
 * @param next - what comes if the training does not end first; counted from its first pod
 */
export function execute(training: Training, from: number, next: NextInterruption): Execution {
  const { steps, stepSeconds, stepsPerCheckpoint, saveSeconds, queueSeconds, startSeconds } = training;
  const firstPodAt = queueSeconds;
  const beginsAt = firstPodAt + startSeconds;
  const struckAt = firstPodAt + next.afterSeconds;
  const preempted = next.kind === 'Preempted';
  const detect = preempted ? 0 : training.detectSeconds[next.kind];
  if (struckAt < beginsAt) {
    return {
      ...{ end: next.kind, firstPodAt, beganAt: null, toldAt: null, endedAt: struckAt + detect, from, done: from },
      ...{ checkpoint: from, savingSeconds: 0, workSeconds: 0, lostSeconds: 0, idleSeconds: detect },
    };
  }
  // Notice leaves the grace to work in; whatever else strikes, strikes at once.
  const cutAt = preempted ? struckAt + training.graceSeconds : struckAt;
  let now = beginsAt;
  let toldAt = beginsAt;
  let [done, checkpoint] = [from, from];
  let [workSeconds, savingSeconds, idleSeconds, unsaved] = [0, 0, 0, 0];
  const execution = (end: Execution['end'], noticed: number): Execution => ({
    ...{ end, firstPodAt, beganAt: beginsAt, toldAt, endedAt: now + noticed, from, done, checkpoint },
    ...{ savingSeconds, workSeconds, lostSeconds: unsaved, idleSeconds: idleSeconds + noticed },
  });
  while (done < steps) {
    const worked = Math.min(stepSeconds, cutAt - now);
    now += worked;
    workSeconds += worked;
    unsaved += worked;
    if (worked < stepSeconds) return execution(next.kind, detect);
    done += 1;
    toldAt = now;
    const leaves = preempted && now >= struckAt;
    // The end of a training is saved too, whatever the interval.
    if (done % stepsPerCheckpoint !== 0 && done !== steps && !leaves) continue;
    const saved = Math.min(saveSeconds, cutAt - now);
    now += saved;
    if (saved < saveSeconds) {
      idleSeconds += saved;
      return execution(next.kind, detect);
    }
    savingSeconds += saved;
    checkpoint = done;
    unsaved = 0;
    toldAt = now;
    if (preempted && now >= struckAt && done < steps) return execution(next.kind, detect);
  }
  return execution('completed', 0);
}
