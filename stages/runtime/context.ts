import type { Logger } from 'pino';
import type { LoadedDomain } from '../../domains/domain.ts';
import type { Counts } from '../../spec/manifest.ts';
import type { StageFileOf } from '../../spec/stage-file.ts';
import type { StageKind } from '../../spec/stages/kinds.ts';

/** How far a program is, in its own unit. `total` is null while it is unknown. */
export interface ProgressReport {
  readonly unit: string;
  readonly done: number;
  readonly total: number | null;
  readonly metrics?: Readonly<Record<string, number>>;
}

/** Everything that the runtime gives to a stage program. */
export interface StageContext<K extends StageKind> {
  readonly stage: StageFileOf<K>;
  /** Number of this execution. The first is 0. */
  readonly attempt: number;
  /** Number of this pod among `parts`. The first is 0. */
  readonly part: number;
  /** Pods that share the work: `config.run.shards`. */
  readonly parts: number;
  /** The stage's own folder in the store. */
  readonly dir: string;
  readonly domain: LoadedDomain;
  /** Bound to stage, attempt and part. */
  readonly log: Logger;
  /**
   * Aborts on SIGTERM, or when a later attempt has begun; the reason says which. The program then abandons what is in
   * flight.
   */
  readonly signal: AbortSignal;
  /**
   * Files of an input: all parts of `name` (`trees-00000.jsonl`, `trees-00001.jsonl`, ...) in order, or the unsharded
   * file.
   * @param role - role of the input in `stage.inputs`
   * @param name - one of `FILES` of the kind that wrote them
   * @returns absolute paths, at least one, each checked against the sha256 of the input's manifest
   * @throws StageExit `InvalidInput` when the input has no such file, or not the one it was sealed with
   */
  inputFiles(role: string, name: string): string[];
  /** Reports how far the program is. Cheap: the file is written at most four times a second. */
  report(progress: ProgressReport): void;
  /**
   * Checks that this attempt may still write.
   * @throws StageExit `Fenced` when a later attempt has begun, `DependencyDown` when the store is missing
   */
  fence(): Promise<void>;
}

/** The program of one kind of stage. It returns the files that it wrote, relative to `context.dir`. */
export type StageProgram<K extends StageKind> = (
  context: StageContext<K>,
) => Promise<{ readonly files: readonly string[]; readonly counts: Counts }>;

/** Whether this pod works on item `index`. Every item belongs to exactly one pod. */
export const isMine = (index: number, { part, parts }: Pick<StageContext<StageKind>, 'part' | 'parts'>): boolean =>
  index % parts === part;
