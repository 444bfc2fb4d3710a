/**
 * What faults are caused on. The injector knows no executor: it draws faults and asks a target to cause them. `local/` is the target of
 * processes on this machine; one of pods on a cluster can stand in its place.
 */
export interface Target {
  /** Faults that cannot be caused here, by kind, each with the reason. */
  readonly cannot: Readonly<Record<string, string>>;
  /** Processes of executions that are alive now. */
  running(): Promise<Program[]>;
  /** Sends a signal. @returns whether the process was still there */
  signal(program: Program, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<boolean>;
  isAlive(program: Program): Promise<boolean>;
  /** What is needed to start a main program again as it was: as the pod of a machine that had been cut off would. */
  remember(program: Program): Promise<Zombie>;
  readonly worker: Service;
  /** Runs one more worker beside the first. @returns how to end it */
  startAnotherWorker(): Promise<{ stop(): Promise<void> }>;
  /** Starts the worker of another installation, with a store of its own, on the same task queue. @returns how it ended; null when it was still there */
  startStrangeWorker(timeoutMs: number): Promise<{ readonly exitCode: number | null; readonly polled: boolean } | null>;
  readonly temporal: Service;
  /** Every process at once: workers, Temporal, executions. Files stay. Comes back with worker and Temporal ended and not started again. */
  powerCut(): Promise<void>;
  /** Folder of the store, for damage to its files. */
  readonly store: string;
  readonly disk: Disk;
}

/** A process of an execution. */
export interface Program {
  /** Names the process, for as long as the machine runs. */
  readonly id: string;
  readonly role: 'main' | 'policy-server' | 'supervisor';
  readonly job: string;
  readonly campaign: string | null;
  /** `astro/sft`; null for a supervisor, which may have several parts. */
  readonly stage: string | null;
  readonly key: string;
  readonly attempt: number;
  readonly part: number;
  readonly isTrainer: boolean;
}

export interface Zombie {
  /** Starts it, waits for its end, and ends it after `timeoutMs`. @returns how it ended, in words */
  wake(timeoutMs: number): Promise<string>;
}

/** A process that is wanted to be there, and is started again by whoever looks after it: a worker, Temporal. */
export interface Service {
  /** SIGKILL, and not to be started before {@link start}. */
  kill(): Promise<void>;
  /** SIGTERM, and not to be started before {@link start}. @returns how long it took to end and with what */
  drain(timeoutMs: number): Promise<{ readonly seconds: number; readonly end: string; readonly inTime: boolean }>;
  /** Returns once it is ready. */
  start(): Promise<void>;
}

/** The disk below the store. */
export interface Disk {
  makeReadOnly(): Promise<void>;
  makeWritable(): Promise<void>;
  fill(): Promise<void>;
  free(): Promise<void>;
}
