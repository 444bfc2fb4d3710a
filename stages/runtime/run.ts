import { access } from 'node:fs/promises';
import { type DestinationStream, type Logger, pino } from 'pino';
import { type LoadedDomain, loadDomain } from '../../domains/domain.ts';
import { parseOrRefuse } from '../../spec/errors.ts';
import { POD_ENV } from '../../spec/pod-env.ts';
import type { StageFileOf } from '../../spec/stage-file.ts';
import { type StageKind, USES_POLICY_SERVER } from '../../spec/stages/index.ts';
import { isFenced } from '../../store/claims.ts';
import { isMissing, writeFileAtomic } from '../../store/files.ts';
import { progressPath, stageFilePath } from '../../store/layout.ts';
import { SECRET_PATHS } from '../../store/secret-paths.ts';
import { inputFiles } from '../io/inputs.ts';
import { chatOf, withChat } from '../policy/chat.ts';
import type { StageContext, StageProgram } from './context.ts';
import { type Ending, endingOf, StageExit } from './exits.ts';
import { lookAgain } from './look-again.ts';
import { type Pod, readPod, storeIsGone } from './pod.ts';
import { progressWriter } from './progress.ts';
import { isPublished, publish } from './publish.ts';

export { isMine, type StageContext, type StageProgram } from './context.ts';
export { StageExit } from './exits.ts';

/** Finds the program of a kind; lazily, so that a pod loads only what it runs. */
export type FindProgram = <K extends StageKind>(kind: K) => Promise<StageProgram<K>>;

/**
 * Runs the part of a stage that the environment describes, from the pod contract to the published part.
 * Never rejects: what went wrong is in the ending, translated by the failure table.
 */
export async function runStage(findProgram: FindProgram, env: NodeJS.ProcessEnv = process.env): Promise<Ending> {
  const abort = new AbortController();
  const onSigterm = () =>
    abort.abort(new StageExit('Preempted', 'stopped by SIGTERM; what was done is kept in the journal'));
  process.on('SIGTERM', onSigterm); // heard as often as it comes: the second one is not to end what the first began to save
  const options = {
    level: env.ORRERY_LOG_LEVEL ?? 'info',
    redact: { paths: [...SECRET_PATHS], censor: '[secret]' },
  };
  const stdout = logDestination();
  let log = pino({ ...options, base: null }, stdout);
  let pod: Pod | undefined;
  try {
    pod = await readPod(env);
    const { stage, attempt, part } = pod;
    const base = { campaign: env[POD_ENV.campaign], stage: stage.name, key: stage.key.slice(0, 12), attempt, part };
    log = pino({ ...options, base }, stdout);
    if (await isPublished(pod, log)) {
      log.info('this part is published already; nothing to do');
      return { exitCode: 0, words: 'this part is published already' };
    }
    return await runPart(pod, findProgram, log, abort);
  } catch (error) {
    // What was being done when the signal came often fails in its own way; the signal is the cause.
    const cause = abort.signal.aborted ? abort.signal.reason : await causeBehind(error, pod);
    const ending = endingOf(cause);
    const { exitCode, words } = ending;
    // A stack tells only of what was not expected.
    log.error({ exitCode, words, ...(exitCode === 1 && { err: cause }) }, 'stage program ends without a result');
    return ending;
  } finally {
    process.off('SIGTERM', onSigterm);
  }
}

/** Where logs go: stdout, which the executor keeps in the store. A log that finds no room there is no reason to stop. */
function logDestination(): DestinationStream {
  const destination = pino.destination({ fd: process.stdout.fd, sync: true, maxLength: LARGEST_LOG_BACKLOG });
  destination.on('error', () => {});
  return destination;
}

/** Characters of log kept for when the disk has room again. */
const LARGEST_LOG_BACKLOG = 1 << 20;

/**
 * What lies behind an error: to an attempt that was replaced everything fails sooner or later, and where the store is gone every file of it
 * is missing.
 */
async function causeBehind(error: unknown, pod: Pod | undefined): Promise<unknown> {
  if (pod === undefined) return error;
  return await refuseToGoOn(pod).then(
    () => error,
    (reason) => (reason instanceof StageExit ? reason : error),
  );
}

/** @throws StageExit where the attempt is to write nothing more: a later one has begun, or the store is not there */
async function refuseToGoOn({ dir, attempt }: Pick<Pod, 'dir' | 'attempt'>): Promise<void> {
  if (await isFenced(dir, attempt)) {
    throw new StageExit('Fenced', `a later attempt than ${attempt} has begun; this one writes nothing more`);
  }
  // Without the store there are no claims either, and what is written would land below its mount point.
  await access(stageFilePath(dir)).catch((error: unknown) => {
    throw isMissing(error) ? storeIsGone(stageFilePath(dir)) : error;
  });
}

async function runPart(pod: Pod, findProgram: FindProgram, log: Logger, abort: AbortController): Promise<Ending> {
  const { stage, store, dir, attempt, part, parts } = pod;
  const { signal } = abort;
  const domain = withChat(
    await loadDomain(stage.domain.name),
    USES_POLICY_SERVER.has(stage.kind) ? await chatOf(stage.policy) : null,
  );
  checkSettings(domain, stage);
  const fence = () => refuseToGoOn(pod);
  const progress = progressWriter(
    attempt,
    async (now) => {
      await fence(); // also the moment at which an attempt that was given up for dead learns of it
      await writeFileAtomic(progressPath(dir, part), `${JSON.stringify(now)}\n`, fence);
    },
    (error) => {
      if (error instanceof StageExit) abort.abort(error);
      else log.warn({ err: error }, 'progress could not be written');
    },
  );
  const context = {
    ...{ stage: stage as StageFileOf<StageKind>, attempt, part, parts, dir, domain, log, signal, fence },
    inputFiles: (role: string, name: string) => inputFiles(store, stage, role, name),
    report: progress.report,
  } satisfies StageContext<StageKind>;
  try {
    log.info({ parts }, 'starts');
    const program = await findProgram(stage.kind);
    const { files, counts } = await program(context);
    signal.throwIfAborted();
    await lookAgain(stage.kind, dir, files, counts);
    await publish(pod, files, counts, fence);
    log.info({ counts }, 'published');
    return { exitCode: 0, words: 'published' };
  } finally {
    await progress.close();
  }
}

function checkSettings(domain: LoadedDomain, stage: Pod['stage']): void {
  parseOrRefuse(domain.settings, stage.domain.settings, `domain.settings of ${stage.name} (domain ${domain.name})`);
}
