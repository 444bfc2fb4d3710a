import type { FailureClass } from '../../spec/index.ts';
import { type FailureRate, type Interruption, interruptions, type NextInterruption } from './failure-model.ts';
import { type Execution, execute, type Training } from './training.ts';

/** What is done about interruptions, to be compared. */
export interface RestartPolicy {
  readonly name: string;
  /** Goes on from the newest checkpoint; else every execution begins at step 0. */
  readonly resumes: boolean;
  /** Tells interruptions apart; else each is a crash like any other, with one budget and one back-off for all. */
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

/** The simulator's own books, kept apart from those of the workflow: seconds of everything that happened. */
export interface TrueBooks {
  executions: number;
  interruptions: Partial<Record<Interruption, number>>;
  /** Work that the checkpoints hold. */
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

/** A training on a gang of nodes that fail: goes from execution to execution, and keeps the books. */
export function createGang({ training, rate, nodes, spareNodes, policy, seed }: GangScenario) {
  const fate = interruptions(rate, nodes, seed);
  const pool = Array.from({ length: nodes + spareNodes }, (_, index) => `node-${index}`);
  const books: TrueBooks = {
    ...{ executions: 0, interruptions: {}, kept: 0, lost: 0, idle: 0, saving: 0, starting: 0, queued: 0, between: 0 },
    finished: false,
  };
  let next: NextInterruption = fate.next().value;
  let checkpoint = 0;
  let until: number | null = null;

  return {
    books,
    /** From here on the gang's time runs, in seconds since the epoch. The second call and later ones do nothing. */
    ask(now: number): void {
      until ??= now;
    },
    /** The next execution, begun now; the nodes that it is kept away from are left out, as far as there are others. */
    execute(now: number, excludedNodes: readonly string[]): Execution & { readonly node: string } {
      const from = policy.resumes ? checkpoint : 0;
      const free = pool.filter((name) => !excludedNodes.includes(name));
      const placed = [...free, ...excludedNodes].slice(0, nodes);
      const execution = execute(training, from, next);
      const node = placed[next.rank] as string;
      if (execution.end !== 'completed') {
        books.interruptions[next.kind] = (books.interruptions[next.kind] ?? 0) + 1;
        next = fate.next().value;
      }
      if (!policy.resumes) {
        books.lost += books.kept;
        books.kept = 0;
      }
      checkpoint = execution.checkpoint;
      books.executions += 1;
      books.between += now - (until ?? now);
      books.kept += execution.workSeconds - execution.lostSeconds;
      books.lost += execution.lostSeconds;
      books.idle += execution.idleSeconds;
      books.saving += execution.savingSeconds;
      books.queued += execution.firstPodAt;
      const busy = execution.workSeconds + execution.savingSeconds + execution.idleSeconds;
      books.starting += execution.endedAt - execution.firstPodAt - busy;
      books.finished = execution.end === 'completed';
      until = now + execution.endedAt;
      return { ...execution, node };
    },
    /** What the executor would call the end of an execution. */
    classOf: (end: Interruption): FailureClass => (policy.classes ? end : 'Crashed'),
  };
}

/** All seconds of the books. */
export const wallOf = ({ kept, lost, idle, saving, starting, queued, between }: TrueBooks): number =>
  kept + lost + idle + saving + starting + queued + between;

/** Effective training time: the share of its life in which the gang did work that was kept. */
export const effectiveOf = (books: TrueBooks): number => books.kept / wallOf(books);
