import { z } from 'zod';
import { FAILURES } from '../../spec/failure-table.ts';
import { Verdict } from '../../spec/records.ts';
import type { StageKind } from '../../spec/stages/kinds.ts';
import { timeoutsOf } from '../policy/retry.ts';
import type { StageContext } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';
import { type LineProgram, type ProgramEnd, startProgram } from './line-program.ts';

/** One question to the verifier. With an `id` it is one line of its stdin. */
export interface VerifierRequest {
  readonly problem: string;
  readonly reference: string;
  readonly completion: string;
  /** Judge again, even when the verdict is remembered. */
  readonly fresh?: boolean;
}

/** One line of the verifier's stdout. `reason` says why a completion is unjudged. */
const VerifierAnswer = Verdict.extend({ id: z.int(), reason: z.string().nullish() });

/** The first line of the verifier's stdout: everything is loaded, and requests are answered from now on. */
const Ready = z.strictObject({ ready: z.literal(true) });

/** Number of hangs in a row, without a verdict in between, after which another restart would not help. *Ours*. */
const MAX_SILENCES = 3;

export interface VerifierLimits {
  /** Deaths of the process in one execution of a stage after which the verifier counts as broken. *Ours*. */
  readonly maxDeaths?: number;
  /**
   * Silence with a request open after which it counts as hanging. By default it follows from the stage's stall limit.
   */
  readonly silenceMs?: number;
  /** Time from its start until it is ready, after which it counts as hanging too. The same by default. */
  readonly readyMs?: number;
}

/** A verdict, and the reason when a completion is unjudged. */
export interface JudgedCompletion extends Verdict {
  readonly reason: string | null;
}

export interface VerifierProcess {
  /** @throws StageExit `DependencyDown` when the process keeps dying or hanging; the reason of the stage's signal */
  judge(request: VerifierRequest): Promise<JudgedCompletion>;
  /** Ends the process after it has answered every open request; at once when nobody waits for answers. */
  close(): Promise<void>;
}

interface OpenRequest {
  readonly request: VerifierRequest;
  readonly resolve: (judged: JudgedCompletion) => void;
  readonly reject: (error: unknown) => void;
}

type Context = Pick<StageContext<StageKind>, 'log' | 'signal' | 'stage'>;

/**
 * Keeps one verifier process alive. Its protocol is one JSON line each way. It writes `{ready: true}` when it has
 * loaded everything, and then answers `{id, problem, reference, completion}` with `{id, verdict, answer}`.
 *
 * The process protects itself from completions that crash or hang a judge (they are unjudged). When the whole process
 * dies or hangs, it is started again a few times and gets its open requests again. A stopping stage does not wait for
 * any of this.
 */
export function superviseVerifier(
  command: readonly [string, ...string[]],
  context: Context,
  limits: VerifierLimits = {},
): VerifierProcess {
  const { verifierMs } = timeoutsOf(context.stage.config.run.stallTimeoutSeconds);
  return new Supervisor(command, context, { maxDeaths: 5, silenceMs: verifierMs, readyMs: verifierMs, ...limits });
}

class Supervisor implements VerifierProcess {
  readonly #command: readonly [string, ...string[]];
  readonly #context: Context;
  readonly #limits: Required<VerifierLimits>;
  readonly #openRequests = new Map<number, OpenRequest>();
  #nextId = 0;
  #program: LineProgram | undefined;
  #isReady = false;
  /** Kills a program that is not ready, or gives no verdict, for too long. */
  #silence: NodeJS.Timeout | undefined;
  #deaths = 0;
  #silences = 0;
  /** Why no more requests are accepted: the verifier is broken or closed, or the stage stops. */
  #over: { readonly reason: unknown } | undefined;

  constructor(command: readonly [string, ...string[]], context: Context, limits: Required<VerifierLimits>) {
    this.#command = command;
    this.#context = context;
    this.#limits = limits;
    const { signal } = context;
    if (signal.aborted) this.#onAbort();
    signal.addEventListener('abort', this.#onAbort);
  }

  judge(request: VerifierRequest): Promise<JudgedCompletion> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) reject(this.#over.reason);
      else this.#send({ request, resolve, reject });
    });
  }

  async close(): Promise<void> {
    this.#context.signal.removeEventListener('abort', this.#onAbort);
    const last = this.#program;
    if (last === undefined) return;
    last.endInput();
    const deadline = setTimeout(() => last.kill(), this.#over === undefined ? 5_000 : 0);
    await last.ended;
    clearTimeout(deadline);
    this.#giveUp(new Error('the verifier is closed'));
  }

  #send(open: OpenRequest): void {
    this.#program ??= this.#start();
    this.#nextId += 1;
    this.#openRequests.set(this.#nextId, open);
    this.#program.writeLine(JSON.stringify({ id: this.#nextId, ...open.request }));
    if (this.#silence === undefined) this.#watchSilence();
  }

  #start(): LineProgram {
    const started: LineProgram = startProgram(
      this.#command,
      { onLine: (line) => this.#onLine(line, started), onEnd: (end) => this.#onEnd(end, started) },
      this.#context.log,
    );
    this.#isReady = false;
    return started;
  }

  /** Starts the clock again. It runs while the program starts, and while a request is open. */
  #watchSilence(): void {
    clearTimeout(this.#silence);
    const { readyMs, silenceMs } = this.#limits;
    this.#silence =
      this.#openRequests.size === 0
        ? undefined
        : setTimeout(
            () => {
              this.#silences += 1;
              this.#program?.kill();
            },
            this.#isReady ? silenceMs : readyMs,
          );
  }

  #onLine(line: string, source: LineProgram): void {
    if (this.#over !== undefined) return; // nobody waits for it
    if (!this.#isReady && parseLine(Ready, line) !== null) {
      this.#isReady = true;
      this.#watchSilence();
      return;
    }
    const answer = parseLine(VerifierAnswer, line);
    const open = answer === null ? undefined : this.#openRequests.get(answer.id);
    if (!this.#isReady || answer === null || open === undefined) {
      this.#context.log.warn({ line: line.slice(0, 200) }, 'verifier wrote an invalid line; restarting it');
      source.kill();
      return;
    }
    this.#openRequests.delete(answer.id);
    this.#silences = 0;
    this.#watchSilence();
    if (answer.verdict === 'unjudged') {
      const { problem, completion } = open.request;
      const facts = { reason: answer.reason, problem, end: completion.slice(-200) };
      this.#context.log.info(facts, 'completion is unjudged');
    }
    open.resolve({ verdict: answer.verdict, answer: answer.answer, reason: answer.reason ?? null });
  }

  /** Starts the program again for its open requests, or gives up. */
  #onEnd(end: ProgramEnd, ended: LineProgram): void {
    if (this.#program !== ended) return;
    this.#program = undefined;
    clearTimeout(this.#silence);
    this.#silence = undefined;
    const lost = [...this.#openRequests.values()];
    if (lost.length === 0) return;
    const { how, lastLine } = end;
    this.#deaths += 1;
    this.#context.log.warn({ how, lastLine, deaths: this.#deaths, openRequests: lost.length }, 'verifier died');
    const exit = this.#exitAfter(end);
    if (exit !== null) {
      this.#giveUp(exit);
      return;
    }
    this.#openRequests.clear();
    for (const open of lost) this.#send(open);
  }

  /** The end of the stage when a restart would not help; null when it may. */
  #exitAfter({ how, exitCode, lastLine }: ProgramEnd): StageExit | null {
    const { maxDeaths, readyMs, silenceMs } = this.#limits;
    if (exitCode === FAILURES.InvalidInput.exitCode) {
      return new StageExit('InvalidInput', `the verifier refused: ${lastLine}`);
    }
    if (this.#silences >= MAX_SILENCES) {
      const missing = this.#isReady
        ? `no verdict within ${silenceMs / 1000} s`
        : `not ready within ${readyMs / 1000} s`;
      const message = `the verifier hangs: ${missing}, ${this.#silences} times in a row; last line on stderr: ${lastLine}`;
      return new StageExit('DependencyDown', message);
    }
    if (this.#deaths >= maxDeaths) {
      const message = `the verifier died ${this.#deaths} times (${how}); last line on stderr: ${lastLine}`;
      return new StageExit('DependencyDown', message);
    }
    return null;
  }

  /** Accepts no more requests, and rejects the open ones. */
  #giveUp(reason: unknown): void {
    this.#over ??= { reason };
    const lost = [...this.#openRequests.values()];
    this.#openRequests.clear();
    clearTimeout(this.#silence);
    for (const open of lost) open.reject(this.#over.reason);
  }

  readonly #onAbort = (): void => {
    this.#giveUp(this.#context.signal.reason);
    this.#program?.kill();
  };
}

function parseLine<T extends z.ZodType>(schema: T, line: string): z.infer<T> | null {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
