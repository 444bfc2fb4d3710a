import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { z } from 'zod';
import { FAILURES, type StageKind, Verdict } from '../spec/index.ts';
import type { StageContext } from './context.ts';
import { StageExit } from './exits.ts';
import { linesOf } from './lines.ts';
import { pythonEnvironment } from './python.ts';

/** What the verifier is asked; with an `id` in front it is one line of its stdin. */
export interface Judgement {
  readonly problem: string;
  readonly reference: string;
  readonly completion: string;
}

/** One line of its stdout. `reason` says why a completion is unjudged. */
const Answer = Verdict.extend({ id: z.int(), reason: z.string().nullish() });

export interface VerifierLimits {
  /** Deaths of the process in one execution of a stage, after which it is taken to be broken. *Ours*. */
  readonly maxDeaths?: number;
  /** Silence, while something is asked, after which it is taken to hang. It limits a single verdict to seconds by itself. *Ours*. */
  readonly silenceMs?: number;
}

export interface VerifierProcess {
  judge(judgement: Judgement): Promise<Verdict>;
  /** Ends the process once it has answered what it was asked. */
  close(): Promise<void>;
}

interface Job {
  readonly judgement: Judgement;
  readonly resolve: (verdict: Verdict) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Keeps one verifier process alive and asks it in its line protocol: `{id, problem, reference, completion}` -> `{id, verdict, answer}`.
 *
 * The process guards itself against completions that crash or hang a judge (they are unjudged). If it dies or hangs as a whole, it is
 * started again a few times and asked anew what it had in hand.
 */
export function superviseVerifier(
  [program, ...args]: readonly [string, ...string[]],
  { log, signal }: Pick<StageContext<StageKind>, 'log' | 'signal'>,
  { maxDeaths = 5, silenceMs = 120_000 }: VerifierLimits = {},
): VerifierProcess {
  let child: ChildProcessWithoutNullStreams | undefined;
  let silence: NodeJS.Timeout | undefined;
  let stderrTail = '';
  let deaths = 0;
  let broken: StageExit | undefined;
  let nextId = 0;
  const inHand = new Map<number, Job>();

  function ask(job: Job): void {
    child ??= start();
    nextId += 1;
    inHand.set(nextId, job);
    child.stdin.write(`${JSON.stringify({ id: nextId, ...job.judgement })}\n`);
    silence ??= setTimeout(() => child?.kill('SIGKILL'), silenceMs);
  }

  function start(): ChildProcessWithoutNullStreams {
    const started = spawn(program, args, { env: pythonEnvironment(), stdio: 'pipe' });
    stderrTail = '';
    started.stdin.on('error', () => {}); // a dead process is told by its end
    started.stderr.on('data', (chunk: Buffer) => {
      stderrTail = (stderrTail + chunk.toString('utf8')).slice(-2000);
    });
    const answered = readAnswers(started);
    started.once('error', (error) => onDeath(started, error.message, null));
    // Every answer that it still wrote is read before its death is looked at.
    started.once('close', (code, killedBy) =>
      answered.then(() => onDeath(started, killedBy ?? `exit code ${code}`, code)),
    );
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
    const answer = parseAnswer(line);
    const job = answer === null ? undefined : inHand.get(answer.id);
    if (answer === null || job === undefined) {
      log.warn({ line: line.slice(0, 200) }, 'verifier wrote a line that is no answer; it is started again');
      from.kill('SIGKILL');
      return;
    }
    inHand.delete(answer.id);
    clearTimeout(silence);
    silence = inHand.size === 0 ? undefined : setTimeout(() => child?.kill('SIGKILL'), silenceMs);
    if (answer.verdict === 'unjudged') {
      const { problem, completion } = job.judgement;
      log.info({ reason: answer.reason, problem, end: completion.slice(-200) }, 'completion is unjudged');
    }
    job.resolve({ verdict: answer.verdict, answer: answer.answer });
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
    if (exitCode === FAILURES.InvalidInput.exitCode)
      broken = new StageExit('InvalidInput', `the verifier refused: ${said}`);
    else if (deaths >= maxDeaths) {
      broken = new StageExit('DependencyDown', `the verifier died ${deaths} times (${how}); the last it said: ${said}`);
    }
    for (const job of lost) {
      if (signal.aborted || broken !== undefined) job.reject(signal.aborted ? signal.reason : broken);
      else ask(job);
    }
  }

  return {
    judge: (judgement) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) reject(broken);
        else ask({ judgement, resolve, reject });
      }),
    async close() {
      const last = child;
      if (last === undefined) return;
      const ended = new Promise((resolve) => last.once('close', resolve));
      last.stdin.end();
      const deadline = setTimeout(() => last.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(deadline);
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
