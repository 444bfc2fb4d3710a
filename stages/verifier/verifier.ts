import type { Problem, Verdict } from '../../spec/records.ts';
import type { StageKind } from '../../spec/stages/kinds.ts';
import type { StageContext } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';
import { pythonCommand } from '../runtime/python.ts';
import { type CanaryFile, judgeCanaries, readCanaries } from './canaries.ts';
import { superviseVerifier, type VerifierLimits, type VerifierProcess } from './process.ts';

export { Canary } from './canaries.ts';

/** Gives verdicts on completions, by the verifier of the domain (`domain.py`). */
export interface Verifier {
  /**
   * @throws StageExit `DependencyDown` when the verifier keeps dying or hanging
   * @throws StageExit `InvalidInput` once it has misjudged a canary
   */
  verify(problem: Problem, completion: string): Promise<Verdict>;
  /**
   * Judges the canaries once more, and ends the verifier.
   * @throws StageExit `InvalidInput` when it misjudges one now: its verdicts since the last check must not be published
   */
  close(): Promise<void>;
}

/** How often the canaries are judged again: after so many verdicts or so much time. *Ours*. */
export interface CanaryInterval {
  readonly verdicts: number;
  readonly ms: number;
}
const CANARY_INTERVAL: CanaryInterval = { verdicts: 5_000, ms: 10 * 60_000 };

type VerifierContext = Pick<StageContext<StageKind>, 'domain' | 'log' | 'signal' | 'stage'>;

/**
 * Starts the verifier of the domain. It must judge the domain's canaries as stated: first of all, at intervals during
 * the work, and at the end. Otherwise a broken verifier (another version of a library, a wrong edit) would silently
 * teach the policy nonsense.
 * @throws StageExit `InvalidInput` when a canary gets another verdict than it states. It is not retried: a person must
 *   look.
 * @throws StageExit `DependencyDown` when the verifier cannot be started, or could not judge a canary (too slow, or
 *   killed)
 */
export async function startVerifier(
  context: VerifierContext,
  command: readonly [string, ...string[]] = pythonCommand(
    'orrery_trainers.verdicts.verifier',
    '--domain',
    context.domain.name,
  ),
  limits: VerifierLimits = {},
  interval: CanaryInterval = CANARY_INTERVAL,
): Promise<Verifier> {
  const process = superviseVerifier(command, context, limits);
  try {
    const file = await readCanaries(context.domain);
    await checkBefore(context, file, process);
    return watched(context, file, process, interval);
  } catch (error) {
    await process.close();
    throw error;
  }
}

async function checkBefore({ domain }: VerifierContext, file: CanaryFile, process: VerifierProcess): Promise<void> {
  const { misjudged, unreached } = await judgeCanaries(file, process);
  if (misjudged.length > 0) {
    const message = `the verifier of domain ${domain.name} misjudges ${describeMisjudged(misjudged, file)}`;
    throw new StageExit('InvalidInput', message);
  }
  if (unreached !== null) {
    const message = `the verifier of domain ${domain.name} could not judge a canary of ${file.path} (${unreached}); is the machine overloaded?`;
    throw new StageExit('DependencyDown', message);
  }
}

/** The verifier as stages use it. Once it misjudges a canary, it gives no more verdicts. */
function watched(
  { domain, log, signal }: VerifierContext,
  file: CanaryFile,
  process: VerifierProcess,
  { verdicts, ms }: CanaryInterval,
): Verifier {
  let broken: StageExit | null = null;
  let given = 0; // verdicts since the canaries were last judged right
  let checkedAt = new Date();
  let checking: Promise<void> | null = null;

  async function check(): Promise<void> {
    const [before, began] = [given, new Date()];
    const { misjudged, unreached } = await judgeCanaries(file, process);
    if (misjudged.length > 0) {
      const since = checkedAt.toISOString();
      broken = new StageExit(
        'InvalidInput',
        `the verifier of domain ${domain.name} has gone wrong while it worked: it misjudges ${describeMisjudged(misjudged, file)}. The ${given} verdicts since ${since} are not to be trusted: mend it, remove the journal of this stage, and retry`,
      );
      log.error({ misjudged, given, since }, 'verifier misjudges canaries');
      return;
    }
    if (unreached !== null) log.warn({ reason: unreached }, 'verifier could not judge a canary');
    else {
      given -= before;
      checkedAt = began;
    }
  }
  /** Runs at most one check at a time. An unreachable verifier is reported by the requests that wait for a verdict. */
  const checkCanaries = (): Promise<void> => {
    checking ??= check()
      .catch((error: unknown) => log.debug({ err: error }, 'canaries were not judged'))
      .finally(() => {
        checking = null;
      });
    return checking;
  };

  return {
    async verify({ problem, reference }, completion) {
      if (broken !== null) throw broken;
      const judged = await process.judge({ problem, reference, completion });
      if (broken !== null) throw broken;
      given += 1;
      if (given >= verdicts || Date.now() - checkedAt.getTime() >= ms) void checkCanaries();
      return judged;
    },
    async close() {
      if (given > 0 && broken === null && !signal.aborted) await checkCanaries();
      await process.close();
      if (broken !== null) throw broken;
    },
  };
}

const describeMisjudged = (misjudged: readonly string[], { path, canaries }: CanaryFile): string =>
  `${misjudged.length} of ${canaries.length} canaries of ${path}: ${misjudged.slice(0, 3).join('; ')}`;
