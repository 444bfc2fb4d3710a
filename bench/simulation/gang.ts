import type { FailureClass } from '../../spec/index.ts';
import { type FailureRate, type Interruption, interruptions, type NextInterruption } from './failure-model.ts';
import { type Execution, execute, type Training } from './training.ts';

/** A policy for interruptions. The benchmark compares several. */
export interface RestartPolicy {
  readonly name: string;
  /** Whether executions continue from the newest checkpoint. If not, they begin at step 0. */
  readonly resumes: boolean;
  /** Whether failure classes are used. If not, every interruption is a crash, with one budget and one back-off. */
  readonly classes: boolean;
}

export interface GangScenario {
  readonly training: Training;
  readonly rate: FailureRate;
  readonly nodes: number;
  readonly spareNodes: number;
  readonly policy: RestartPolicy;
  readonly seed: number;
}

/** The simulator's own accounting in seconds, independent of the workflow's. */
export interface TrueTimeline {
  executions: number;
  interruptions: Partial<Record<Interruption, number>>;
  /** Work that is in checkpoints. */
  kept: number;
  lost: number;
  idle: number;
  saving: number;
  starting: number;
  queued: number;
  /** Between the end of one execution and the next: back-off, a person's absence, the orchestrator. */
  between: number;
  finished: boolean;
}

export type Gang = ReturnType<typeof createGang>;

/** A training on a gang of nodes that fail. It simulates one execution after the other and accounts for the time. */
export function createGang({ training, rate, nodes, spareNodes, policy, seed }: GangScenario) {
  const fate = interruptions(rate, nodes, seed);
  const pool = Array.from({ length: nodes + spareNodes }, (_, index) => `node-${index}`);
  const timeline: TrueTimeline = {
    executions: 0,
    interruptions: {},
    kept: 0,
    lost: 0,
    idle: 0,
    saving: 0,
    starting: 0,
    queued: 0,
    between: 0,
    finished: false,
  };
  let next: NextInterruption = fate.next().value;
  let checkpoint = 0;
  let until: number | null = null;

  return {
    timeline,
    /** Starts the gang's clock, in seconds since the epoch. Later calls do nothing. */
    ask(now: number): void {
      until ??= now;
    },
    /** Starts the next execution. Excluded nodes are left out as long as there are enough others. */
    execute(now: number, excludedNodes: readonly string[]): Execution & { readonly node: string } {
      const from = policy.resumes ? checkpoint : 0;
      const free = pool.filter((name) => !excludedNodes.includes(name));
      const placed = [...free, ...excludedNodes].slice(0, nodes);
      const execution = execute(training, from, next);
      const node = placed[next.rank] as string;
      if (execution.end !== 'completed') {
        timeline.interruptions[next.kind] = (timeline.interruptions[next.kind] ?? 0) + 1;
        next = fate.next().value;
      }
      if (!policy.resumes) {
        timeline.lost += timeline.kept;
        timeline.kept = 0;
      }
      checkpoint = execution.checkpoint;
      timeline.executions += 1;
      timeline.between += now - (until ?? now);
      timeline.kept += execution.workSeconds - execution.lostSeconds;
      timeline.lost += execution.lostSeconds;
      timeline.idle += execution.idleSeconds;
      timeline.saving += execution.savingSeconds;
      timeline.queued += execution.firstPodAt;
      const busy = execution.workSeconds + execution.savingSeconds + execution.idleSeconds;
      timeline.starting += execution.endedAt - execution.firstPodAt - busy;
      timeline.finished = execution.end === 'completed';
      until = now + execution.endedAt;
      return { ...execution, node };
    },
    /** The outcome that an executor would report for the execution. */
    classOf: (end: Interruption): FailureClass => (policy.classes ? end : 'Crashed'),
  };
}

/** Sum of all accounted seconds. */
export const wallOf = ({ kept, lost, idle, saving, starting, queued, between }: TrueTimeline): number =>
  kept + lost + idle + saving + starting + queued + between;

/** Effective training time: the share of the total time in which the gang did work that was kept. */
export const effectiveOf = (timeline: TrueTimeline): number => timeline.kept / wallOf(timeline);
