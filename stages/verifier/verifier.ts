import type { Problem, Verdict } from '../../spec/records.ts';
import type { StageKind } from '../../spec/stages/index.ts';
import type { StageContext } from '../runtime/context.ts';
import { StageExit } from '../runtime/exits.ts';
import { pythonCommand } from '../runtime/python.ts';
import { type CanaryFile, judgeCanaries, readCanaries } from './canaries.ts';
import { superviseVerifier, type VerifierLimits, type VerifierProcess } from './process.ts';

export { Canary } from './canaries.ts';

/** Judges completions by the verifier of the domain. */
export interface Verifier {
  /**
   * @throws StageExit `DependencyDown` when the verifier dies or hangs over and over
   * @throws StageExit `InvalidInput` once it has misjudged a canary
   */
  verify(problem: Problem, completion: string): Promise<Verdict>;
  /**
   * Ends it, after a last look at the canaries.
   * @throws StageExit `InvalidInput` when it misjudges one by now: what it said since the last look is not to be published
   */
  close(): Promise<void>;
}

/** When the canaries are judged again. *Ours*. */
export interface Watch {
  readonly verdicts: number;
  readonly ms: number;
}
const WATCH: Watch = { verdicts: 5_000, ms: 10 * 60_000 };

type VerifierContext = Pick<StageContext<StageKind>, 'domain' | 'log' | 'signal' | 'stage'>;

/**
 * Starts the verifier of the domain, and lets it judge the domain's canaries before anything else, every so often while it works, and at
 * its end: a verifier that has gone wrong (another version of a library, a broken edit) would otherwise teach the policy nonsense in silence.
 * @throws StageExit `InvalidInput` when a canary is judged otherwise than it states: no other attempt is made, a person has to look
 * @throws StageExit `DependencyDown` when the verifier cannot be started, or did not get to judging one (it was too slow, or killed)
 */
export async function startVerifier(
  context: VerifierContext,
  command: readonly [string, ...string[]] = pythonCommand(
    'orrery_trainers.verdicts.verifier',
    '--domain',
    context.domain.name,
  ),
  limits: VerifierLimits = {},
  watch: Watch = WATCH,
): Promise<Verifier> {
  const process = superviseVerifier(command, context, limits);
  try {
    const file = await readCanaries(context.domain);
    await checkBefore(context, file, process);
    return watched(context, file, process, watch);
  } catch (error) {
    await process.close();
    throw error;
  }
}

async function checkBefore({ domain }: VerifierContext, file: CanaryFile, process: VerifierProcess): Promise<void> {
  const { misjudged, unreached } = await judgeCanaries(file, process);
  if (misjudged.length > 0) {
    const words = `the verifier of domain ${domain.name} misjudges ${inWords(misjudged, file)}`;
    throw new StageExit('InvalidInput', words);
  }
  if (unreached !== null) {
    const words = `the verifier of domain ${domain.name} did not get to judge a canary of ${file.path} (${unreached}); is the machine overloaded?`;
    throw new StageExit('DependencyDown', words);
  }
}

/** The verifier as stages use it: once a canary is misjudged it gives no verdict any more. */
function watched(
  { domain, log, signal }: VerifierContext,
  file: CanaryFile,
  process: VerifierProcess,
  { verdicts, ms }: Watch,
): Verifier {
  let broken: StageExit | null = null;
  let given = 0; // since the canaries were last judged as they state
  let checkedAt = new Date();
  let checking: Promise<void> | null = null;

  async function check(): Promise<void> {
    const [before, began] = [given, new Date()];
    const { misjudged, unreached } = await judgeCanaries(file, process);
    if (misjudged.length > 0) {
      const since = checkedAt.toISOString();
      broken = new StageExit(
        'InvalidInput',
        `the verifier of domain ${domain.name} has gone wrong while it worked: it misjudges ${inWords(misjudged, file)}. The ${given} verdicts since ${since} are not to be trusted: mend it, remove the journal of this stage, and retry`,
      );
      log.error({ misjudged, given, since }, 'the verifier misjudges canaries');
      return;
    }
    if (unreached !== null) log.warn({ reason: unreached }, 'the verifier did not get to judge a canary');
    else {
      given -= before;
      checkedAt = began;
    }
  }
  /** At most one look at a time; a verifier that cannot be reached is told by who waits for a verdict. */
  const look = (): Promise<void> => {
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
      if (given >= verdicts || Date.now() - checkedAt.getTime() >= ms) void look();
      return judged;
    },
    async close() {
      if (given > 0 && broken === null && !signal.aborted) await look();
      await process.close();
      if (broken !== null) throw broken;
    },
  };
}

const inWords = (misjudged: readonly string[], { path, canaries }: CanaryFile): string =>
  `${misjudged.length} of ${canaries.length} canaries of ${path}: ${misjudged.slice(0, 3).join('; ')}`;
