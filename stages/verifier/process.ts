import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { FAILURES } from '../../spec/failures.ts';
import { Verdict } from '../../spec/records.ts';
import type { StageKind } from '../../spec/stages/kinds.ts';
import { linesOf } from '../io/lines.ts';
import { timeoutsOf } from '../policy/retry.ts';
import type { StageContext } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';
import { pythonEnvironment } from '../runtime/python.ts';

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

/** Time to read the remaining output of a process that has exited. */
const FINAL_OUTPUT_MS = 1000;

/** Number of hangs in a row, without a verdict in between, after which another restart would not help. *Ours*. */
const MAX_SILENCES = 3;

export interface VerifierLimits {
  /** Deaths of the process in one execution of a stage after which the verifier counts as broken. *Ours*. */
  readonly maxDeaths?: number;
  /**
   * Silence with a request open after which it counts as hanging. By default it follows from the stage's stall limit.
   */
  readonly silenceMs?: number;
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

/**
 * Keeps one verifier process alive. Its protocol is one JSON line each way: `{id, problem, reference, completion}` ->
 * `{id, verdict, answer}`.
 *
 * The process protects itself from completions that crash or hang a judge (they are unjudged). When the whole process
 * dies or hangs, it is started again a few times and gets its open requests again. A stopping stage does not wait for
 * any of this.
 */
export function superviseVerifier(
  [program, ...args]: readonly [string, ...string[]],
  { log, signal, stage }: Pick<StageContext<StageKind>, 'log' | 'signal' | 'stage'>,
  { maxDeaths = 5, silenceMs = timeoutsOf(stage.config.run.stallTimeoutSeconds).verifierMs }: VerifierLimits = {},
): VerifierProcess {
  let child: ChildProcessWithoutNullStreams | undefined;
  let ended: Promise<void> = Promise.resolve();
  let silence: NodeJS.Timeout | undefined;
  let stderrTail = '';
  let deaths = 0;
  let silences = 0;
  /** Why no more requests are accepted: the verifier is broken or closed, or the stage stops. */
  let over: { readonly reason: unknown } | undefined;
  let nextId = 0;
  const openRequests = new Map<number, OpenRequest>();

  function send(open: OpenRequest): void {
    child ??= start();
    nextId += 1;
    openRequests.set(nextId, open);
    child.stdin.write(`${JSON.stringify({ id: nextId, ...open.request })}\n`);
    silence ??= setTimeout(onSilence, silenceMs);
  }

  function onSilence(): void {
    silences += 1;
    child?.kill('SIGKILL');
  }

  /** Accepts no more requests, and rejects the open ones. */
  function giveUp(reason: unknown): void {
    over ??= { reason };
    const lost = [...openRequests.values()];
    openRequests.clear();
    clearTimeout(silence);
    for (const open of lost) open.reject(over.reason);
  }
  const onAbort = () => {
    giveUp(signal.reason);
    child?.kill('SIGKILL');
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);

  function start(): ChildProcessWithoutNullStreams {
    const started = spawn(program, args, { env: pythonEnvironment(), stdio: 'pipe' });
    stderrTail = '';
    started.stdin.on('error', () => {}); // the exit event reports a dead process
    started.stderr.on('data', (chunk: Buffer) => {
      stderrTail = (stderrTail + chunk.toString('utf8')).slice(-2000);
    });
    const outputRead = Promise.all([readAnswers(started), once(started.stderr, 'close')]);
    ended = new Promise((resolve) => {
      started.once('error', (error) => {
        onDeath(started, error.message, null);
        resolve();
      });
      started.once('exit', async (code, killedBy) => {
        // Remaining output is read before the death is handled. The wait is limited, because a judge that the process
        // leaves behind may keep its pipes open for ever.
        await Promise.race([outputRead, sleep(FINAL_OUTPUT_MS)]);
        for (const pipe of [started.stdout, started.stderr]) pipe.destroy();
        onDeath(started, killedBy ?? `exit code ${code}`, code);
        resolve();
      });
    });
    return started;
  }

  async function readAnswers(source: ChildProcessWithoutNullStreams): Promise<void> {
    try {
      for await (const line of linesOf(source.stdout)) onLine(line, source);
    } catch (error) {
      log.debug({ err: error }, 'stdout of the verifier broke off'); // the exit event reports its death
    }
  }

  function onLine(line: string, source: ChildProcessWithoutNullStreams): void {
    if (over !== undefined) return; // nobody waits for it
    const answer = parseAnswer(line);
    const open = answer === null ? undefined : openRequests.get(answer.id);
    if (answer === null || open === undefined) {
      log.warn({ line: line.slice(0, 200) }, 'verifier wrote an invalid line; restarting it');
      source.kill('SIGKILL');
      return;
    }
    openRequests.delete(answer.id);
    clearTimeout(silence);
    silences = 0;
    silence = openRequests.size === 0 ? undefined : setTimeout(onSilence, silenceMs);
    if (answer.verdict === 'unjudged') {
      const { problem, completion } = open.request;
      log.info({ reason: answer.reason, problem, end: completion.slice(-200) }, 'completion is unjudged');
    }
    open.resolve({ verdict: answer.verdict, answer: answer.answer, reason: answer.reason ?? null });
  }

  function onDeath(dead: ChildProcessWithoutNullStreams, how: string, exitCode: number | null): void {
    if (child !== dead) return; // handled already
    child = undefined;
    clearTimeout(silence);
    silence = undefined;
    const lost = [...openRequests.values()];
    openRequests.clear();
    if (lost.length === 0) return;
    const lastLine = stderrTail.trim().split('\n').at(-1) || 'nothing';
    deaths += 1;
    log.warn({ how, lastLine, deaths, openRequests: lost.length }, 'verifier died');
    if (exitCode === FAILURES.InvalidInput.exitCode) {
      over = { reason: new StageExit('InvalidInput', `the verifier refused: ${lastLine}`) };
    } else if (silences >= MAX_SILENCES) {
      const message = `the verifier hangs: no verdict within ${silenceMs / 1000} s, ${silences} times in a row; last line on stderr: ${lastLine}`;
      over = { reason: new StageExit('DependencyDown', message) };
    } else if (deaths >= maxDeaths) {
      const message = `the verifier died ${deaths} times (${how}); last line on stderr: ${lastLine}`;
      over = { reason: new StageExit('DependencyDown', message) };
    }
    for (const open of lost) {
      if (over !== undefined) open.reject(over.reason);
      else send(open);
    }
  }

  return {
    judge: (request) =>
      new Promise((resolve, reject) => {
        if (over !== undefined) reject(over.reason);
        else send({ request, resolve, reject });
      }),
    async close() {
      signal.removeEventListener('abort', onAbort);
      const last = child;
      if (last === undefined) return;
      last.stdin.end();
      const deadline = setTimeout(() => last.kill('SIGKILL'), over === undefined ? 5_000 : 0);
      await ended;
      clearTimeout(deadline);
      giveUp(new Error('the verifier is closed'));
    },
  };
}

function parseAnswer(line: string): z.infer<typeof VerifierAnswer> | null {
  try {
    return VerifierAnswer.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
