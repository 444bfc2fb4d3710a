import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { FAILURES } from '../../spec/failures.ts';
import { Verdict } from '../../spec/records.ts';
import type { StageKind } from '../../spec/stages/index.ts';
import { linesOf } from '../io/lines.ts';
import { patienceOf } from '../policy/patience.ts';
import type { StageContext } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';
import { pythonEnvironment } from '../runtime/python.ts';

/** What the verifier is asked; with an `id` in front it is one line of its stdin. */
export interface Judgement {
  readonly problem: string;
  readonly reference: string;
  readonly completion: string;
  /** Judge it anew, whatever is remembered. */
  readonly fresh?: boolean;
}

/** One line of its stdout. `reason` says why a completion is unjudged. */
const Answer = Verdict.extend({ id: z.int(), reason: z.string().nullish() });

/** Time for reading what a process that has ended still wrote. */
const LAST_WORDS_MS = 1000;

/** Where it hung this often without a verdict in between, it will again. *Ours*. */
const MAX_SILENCES = 3;

export interface VerifierLimits {
  /** Deaths of the process in one execution of a stage, after which it is taken to be broken. *Ours*. */
  readonly maxDeaths?: number;
  /** Silence, while something is asked, after which it is taken to hang; what the stage's stall limit gives when left out. */
  readonly silenceMs?: number;
}

/** A verdict, and why a completion is unjudged. */
export interface Judged extends Verdict {
  readonly reason: string | null;
}

export interface VerifierProcess {
  /** @throws StageExit `DependencyDown` when the process dies or hangs over and over; the reason of the stage's signal */
  judge(judgement: Judgement): Promise<Judged>;
  /** Ends the process once it has answered what it was asked; at once where nobody waits for that any more. */
  close(): Promise<void>;
}

interface Job {
  readonly judgement: Judgement;
  readonly resolve: (judged: Judged) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keeps one verifier process alive and asks it in its line protocol: `{id, problem, reference, completion}` -> `{id, verdict, answer}`.
 *
 * The process guards itself against completions that crash or hang a judge (they are unjudged). If it dies or hangs as a whole, it is
 * started again a few times and asked anew what it had in hand. A stage that stops waits for none of it.
 */
export function superviseVerifier(
  [program, ...args]: readonly [string, ...string[]],
  { log, signal, stage }: Pick<StageContext<StageKind>, 'log' | 'signal' | 'stage'>,
  { maxDeaths = 5, silenceMs = patienceOf(stage.config.run.stallTimeoutSeconds).verifierMs }: VerifierLimits = {},
): VerifierProcess {
  let child: ChildProcessWithoutNullStreams | undefined;
  let ended: Promise<void> = Promise.resolve();
  let silence: NodeJS.Timeout | undefined;
  let stderrTail = '';
  let deaths = 0;
  let silences = 0;
  /** Why nothing more is asked: it is broken, or closed, or the stage stops. */
  let over: { readonly reason: unknown } | undefined;
  let nextId = 0;
  const inHand = new Map<number, Job>();

  function ask(job: Job): void {
    child ??= start();
    nextId += 1;
    inHand.set(nextId, job);
    child.stdin.write(`${JSON.stringify({ id: nextId, ...job.judgement })}\n`);
    silence ??= setTimeout(onSilence, silenceMs);
  }

  function onSilence(): void {
    silences += 1;
    child?.kill('SIGKILL');
  }

  /** Nothing more is asked, and nobody waits any longer for what was. */
  function giveUp(reason: unknown): void {
    over ??= { reason };
    const lost = [...inHand.values()];
    inHand.clear();
    clearTimeout(silence);
    for (const job of lost) job.reject(over.reason);
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
    started.stdin.on('error', () => {}); // a dead process is told by its end
    started.stderr.on('data', (chunk: Buffer) => {
      stderrTail = (stderrTail + chunk.toString('utf8')).slice(-2000);
    });
    const heard = Promise.all([readAnswers(started), once(started.stderr, 'close')]);
    ended = new Promise((resolve) => {
      started.once('error', (error) => {
        onDeath(started, error.message, null);
        resolve();
      });
      started.once('exit', async (code, killedBy) => {
        // What it still wrote is read before its death is looked at; but a judge that it leaves behind may hold its pipes open for ever.
        await Promise.race([heard, sleep(LAST_WORDS_MS)]);
        for (const pipe of [started.stdout, started.stderr]) pipe.destroy();
        onDeath(started, killedBy ?? `exit code ${code}`, code);
        resolve();
      });
    });
    return started;
  }

  async function readAnswers(from: ChildProcessWithoutNullStreams): Promise<void> {
    try {
      for await (const line of linesOf(from.stdout)) onLine(line, from);
    } catch (error) {
      log.debug({ err: error }, 'stdout of the verifier broke off'); // its death is told by `close`
    }
  }

  function onLine(line: string, from: ChildProcessWithoutNullStreams): void {
    if (over !== undefined) return; // nobody waits for it any more
    const answer = parseAnswer(line);
    const job = answer === null ? undefined : inHand.get(answer.id);
    if (answer === null || job === undefined) {
      log.warn({ line: line.slice(0, 200) }, 'verifier wrote a line that is no answer; it is started again');
      from.kill('SIGKILL');
      return;
    }
    inHand.delete(answer.id);
    clearTimeout(silence);
    silences = 0;
    silence = inHand.size === 0 ? undefined : setTimeout(onSilence, silenceMs);
    if (answer.verdict === 'unjudged') {
      const { problem, completion } = job.judgement;
      log.info({ reason: answer.reason, problem, end: completion.slice(-200) }, 'completion is unjudged');
    }
    job.resolve({ verdict: answer.verdict, answer: answer.answer, reason: answer.reason ?? null });
  }

  function onDeath(dead: ChildProcessWithoutNullStreams, how: string, exitCode: number | null): void {
    if (child !== dead) return; // told twice
    child = undefined;
    clearTimeout(silence);
    silence = undefined;
    const lost = [...inHand.values()];
    inHand.clear();
    if (lost.length === 0) return;
    const said = stderrTail.trim().split('\n').at(-1) || 'nothing';
    deaths += 1;
    log.warn({ how, said, deaths, inHand: lost.length }, 'verifier died');
    if (exitCode === FAILURES.InvalidInput.exitCode) {
      over = { reason: new StageExit('InvalidInput', `the verifier refused: ${said}`) };
    } else if (silences >= MAX_SILENCES) {
      const words = `the verifier hangs: ${silences} times in a row no verdict in ${silenceMs / 1000} s; the last it said: ${said}`;
      over = { reason: new StageExit('DependencyDown', words) };
    } else if (deaths >= maxDeaths) {
      const words = `the verifier died ${deaths} times (${how}); the last it said: ${said}`;
      over = { reason: new StageExit('DependencyDown', words) };
    }
    for (const job of lost) {
      if (over !== undefined) job.reject(over.reason);
      else ask(job);
    }
  }

  return {
    judge: (judgement) =>
      new Promise((resolve, reject) => {
        if (over !== undefined) reject(over.reason);
        else ask({ judgement, resolve, reject });
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

function parseAnswer(line: string): z.infer<typeof Answer> | null {
  try {
    return Answer.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
