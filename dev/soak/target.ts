/**
 * The system under test, as the faults see it. `local/` implements it for processes on this machine. A target for pods
 * on a cluster can implement it too.
 */
export interface Target {
  /** Faults that cannot be caused here, by kind, each with the reason. */
  readonly cannot: Readonly<Record<string, string>>;
  /** Processes of executions that are alive now. */
  running(): Promise<Program[]>;
  /** Sends a signal. @returns whether the process was still running */
  signal(program: Program, signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): Promise<boolean>;
  isAlive(program: Program): Promise<boolean>;
  /**
   * Captures what is needed to start a main program again with the same attempt, like a pod on a machine that was cut
   * off.
   */
  remember(program: Program): Promise<Zombie>;
  readonly worker: Service;
  /** Runs a second worker beside the first. @returns a function that ends it */
  startAnotherWorker(): Promise<{ stop(): Promise<void> }>;
  /** Starts a worker with another store on the same task queue. @returns how it ended; null when it did not end */
  startStrangeWorker(timeoutMs: number): Promise<{ readonly exitCode: number | null; readonly polled: boolean } | null>;
  readonly temporal: Service;
  /**
   * Kills every process at once: workers, Temporal, executions. Files stay. Does not restart the worker and Temporal.
   */
  powerCut(): Promise<void>;
  /** Folder of the store. Faults damage its files. */
  readonly store: string;
  readonly disk: Disk;
}

/** A process of an execution. */
export interface Program {
  /** Identifies the process until the machine reboots. */
  readonly id: string;
  readonly role: 'main' | 'policy-server' | 'supervisor';
  readonly job: string;
  readonly campaign: string | null;
  /** For example `astro/sft`; null for a supervisor, which may have several parts. */
  readonly stage: string | null;
  readonly key: string;
  readonly attempt: number;
  readonly part: number;
  readonly isTrainer: boolean;
}

export interface Zombie {
  /** Starts it, waits for its end, and kills it after `timeoutMs`. @returns a description of its end */
  wake(timeoutMs: number): Promise<string>;
}

/** A supervised process that is restarted when it ends: a worker or Temporal. */
export interface Service {
  /** Sends SIGKILL and disables restarts until {@link start}. */
  kill(): Promise<void>;
  /** Sends SIGTERM and disables restarts until {@link start}. @returns how it ended, and after how long */
  drain(timeoutMs: number): Promise<{ readonly seconds: number; readonly end: string; readonly inTime: boolean }>;
  /** Resolves when the process is ready. */
  start(): Promise<void>;
}

/** The disk below the store. */
export interface Disk {
  makeReadOnly(): Promise<void>;
  makeWritable(): Promise<void>;
  fill(): Promise<void>;
  free(): Promise<void>;
}
