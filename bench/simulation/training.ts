import type { Interruption, NextInterruption } from './failure-model.ts';

/**
 * A training of equal steps on a gang, with the costs of starting, saving and noticing its end. All times are in
 * seconds.
 */
export interface Training {
  readonly steps: number;
  readonly stepSeconds: number;
  readonly stepsPerCheckpoint: number;
  /** Duration of saving a checkpoint. The gang does no work meanwhile. */
  readonly saveSeconds: number;
  /** From the request for nodes to its pods. */
  readonly queueSeconds: number;
  /** From its pods to its first work: images, weights, rendezvous. */
  readonly startSeconds: number;
  /** Between the notice of a preemption and the kill: a gang finishes its step, then saves, as the trainers do. */
  readonly graceSeconds: number;
  /** Interruption kind -> time from the gang's last sign of life to the end of its pods. */
  readonly detectSeconds: Readonly<Record<Exclude<Interruption, 'Preempted'>, number>>;
}

/** The course of one execution. Times are seconds since it was requested; null when it did not reach that point. */
export interface Execution {
  readonly end: 'completed' | Interruption;
  readonly firstPodAt: number;
  readonly beganAt: number | null;
  /** Its last progress report: at its beginning, after a step, or after a save. */
  readonly toldAt: number | null;
  readonly endedAt: number;
  readonly from: number;
  readonly done: number;
  /** The step from which the next execution can continue. */
  readonly checkpoint: number;
  /** Time of completed saves. */
  readonly savingSeconds: number;
  /** Time at work, kept or not. */
  readonly workSeconds: number;
  /** Work that is in no checkpoint at the end. */
  readonly lostSeconds: number;
  /** Interrupted saves, and the time until the end was noticed. */
  readonly idleSeconds: number;
}

/**
 * One execution of a training, from a checkpoint to its end or its next interruption. Pure.
 * @param from - steps in its checkpoint
 * @param next - the interruption that comes unless the training ends first; its time counts from the first pod
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
      end: next.kind,
      firstPodAt,
      beganAt: null,
      toldAt: null,
      endedAt: struckAt + detect,
      from,
      done: from,
      checkpoint: from,
      savingSeconds: 0,
      workSeconds: 0,
      lostSeconds: 0,
      idleSeconds: detect,
    };
  }
  // A preemption leaves the grace period for work. Other interruptions take effect at once.
  const cutAt = preempted ? struckAt + training.graceSeconds : struckAt;
  let now = beginsAt;
  let toldAt = beginsAt;
  let [done, checkpoint] = [from, from];
  let [workSeconds, savingSeconds, idleSeconds, unsaved] = [0, 0, 0, 0];
  const execution = (end: Execution['end'], noticed: number): Execution => ({
    end,
    firstPodAt,
    beganAt: beginsAt,
    toldAt,
    endedAt: now + noticed,
    from,
    done,
    checkpoint,
    savingSeconds,
    workSeconds,
    lostSeconds: unsaved,
    idleSeconds: idleSeconds + noticed,
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
    // The last step is always saved.
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
