import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Interruption } from '../../bench/simulation/failure-model.ts';
import { RATES } from '../../bench/simulation/failure-model.ts';
import { createGang, effectiveOf, wallOf } from '../../bench/simulation/gang.ts';
import { execute, type Training } from '../../bench/simulation/training.ts';

/** Ten steps of 100 s, a checkpoint of 10 s every second step; 5 s queued, 30 s to start. */
const TRAINING: Training = {
  steps: 10,
  stepSeconds: 100,
  stepsPerCheckpoint: 2,
  saveSeconds: 10,
  queueSeconds: 5,
  startSeconds: 30,
  graceSeconds: 200,
  detectSeconds: { NodeFailure: 60, Stalled: 300, Crashed: 0 },
};
const NEVER = { afterSeconds: 1e9, kind: 'Crashed', rank: 0 } as const;
const struckAfter = (afterSeconds: number, kind: Interruption) => ({ afterSeconds, kind, rank: 0 });

describe('one execution of a simulated training', () => {
  test('without interruption takes its start, its steps and its checkpoints', () => {
    const execution = execute(TRAINING, 0, NEVER);
    expect(execution).toMatchObject({ end: 'completed', done: 10, checkpoint: 10, savingSeconds: 50, lostSeconds: 0 });
    expect(execution.endedAt).toBe(5 + 30 + 10 * 100 + 5 * 10);
  });

  test('loses what it has done since its checkpoint, and the time until that is noticed', () => {
    // Steps 0 and 1 and their checkpoint end at 30 + 210; struck 50 s into the step after the next.
    const execution = execute(TRAINING, 0, struckAfter(30 + 210 + 150, 'NodeFailure'));
    expect(execution).toMatchObject({ end: 'NodeFailure', done: 3, checkpoint: 2, workSeconds: 350 });
    expect(execution).toMatchObject({ lostSeconds: 150, idleSeconds: 60, endedAt: 5 + 30 + 210 + 150 + 60 });
    expect(execution.toldAt).toBe(5 + 30 + 210 + 100);
  });

  test('continues after the step of its checkpoint', () => {
    const execution = execute(TRAINING, 8, NEVER);
    expect(execution).toMatchObject({ from: 8, done: 10, workSeconds: 200, savingSeconds: 10 });
  });

  test('keeps nothing of an interrupted save', () => {
    const execution = execute(TRAINING, 0, struckAfter(30 + 200 + 4, 'Crashed'));
    expect(execution).toMatchObject({ done: 2, checkpoint: 0, savingSeconds: 0, idleSeconds: 4, lostSeconds: 200 });
  });

  test('finishes its step and saves when it is preempted', () => {
    const execution = execute(TRAINING, 0, struckAfter(30 + 210 + 20, 'Preempted'));
    expect(execution).toMatchObject({ end: 'Preempted', done: 3, checkpoint: 3, lostSeconds: 0, idleSeconds: 0 });
    expect(execution.endedAt).toBe(5 + 30 + 210 + 100 + 10);
  });

  test('is killed in its step when the grace is shorter than that', () => {
    const execution = execute({ ...TRAINING, graceSeconds: 40 }, 0, struckAfter(30 + 210 + 20, 'Preempted'));
    expect(execution).toMatchObject({ end: 'Preempted', done: 2, checkpoint: 2, lostSeconds: 60 });
  });

  test('that dies during its start has reported nothing', () => {
    const execution = execute(TRAINING, 4, struckAfter(10, 'Crashed'));
    expect(execution).toMatchObject({ end: 'Crashed', beganAt: null, toldAt: null, checkpoint: 4, endedAt: 15 });
  });
});

describe('a simulated gang', () => {
  const everything = { nodes: 32, spareNodes: 2, rate: RATES['rsc-1024'] };

  test('accounts for every second exactly once', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.boolean(), fc.integer({ min: 1, max: 400 }), (seed, resumes, steps) => {
        const policy = { name: 'any', resumes, classes: true };
        const training = { ...TRAINING, steps, stepSeconds: 900, startSeconds: 300 };
        const gang = createGang({ ...everything, training, policy, seed });
        gang.ask(0);
        let now = 0;
        for (let executions = 0; executions < 30 && !gang.timeline.finished; executions += 1) {
          now += 7; // between two executions
          now += gang.execute(now, []).endedAt;
        }
        expect(wallOf(gang.timeline)).toBeCloseTo(now, 3);
        expect(Math.min(...Object.values(gang.timeline).filter((value) => typeof value === 'number'))).toBeGreaterThan(
          -1e-6,
        );
        if (gang.timeline.finished) expect(gang.timeline.kept).toBeCloseTo(steps * 900, 3);
      }),
    );
  });

  test('that restarts from scratch keeps none of its earlier work', () => {
    const steps = 400;
    const training = { ...TRAINING, steps, stepSeconds: 900, startSeconds: 300 };
    const live = (resumes: boolean) => {
      const gang = createGang({ ...everything, training, policy: { name: '', resumes, classes: true }, seed: 3 });
      let now = 0;
      for (let executions = 0; executions < 200 && !gang.timeline.finished; executions += 1) {
        now += gang.execute(now, []).endedAt;
      }
      return gang.timeline;
    };
    expect(live(true).finished).toBe(true);
    expect(effectiveOf(live(true))).toBeGreaterThan(effectiveOf(live(false)));
    expect(live(false).lost).toBeGreaterThan(live(true).lost);
  });

  test('avoids excluded nodes as long as there are others', () => {
    const nodeOf = (excluded: readonly string[]) =>
      createGang({
        ...everything,
        nodes: 1,
        training: TRAINING,
        policy: { name: '', resumes: true, classes: true },
        seed: 1,
      }).execute(0, excluded).node;
    expect(nodeOf([])).toBe('node-0');
    expect(nodeOf(['node-0'])).toBe('node-1');
    expect(nodeOf(['node-0', 'node-1', 'node-2'])).toBe('node-0');
  });
});
