import { access } from 'node:fs/promises';
import { type DestinationStream, type Logger, pino } from 'pino';
import { type LoadedDomain, loadDomain } from '../../domains/domain.ts';
import { parseOrRefuse } from '../../spec/errors.ts';
import { POD_ENV } from '../../spec/pod-env.ts';
import type { StageFileOf } from '../../spec/stage-file.ts';
import { type StageKind, USES_POLICY_SERVER } from '../../spec/stages/kinds.ts';
import { isFenced } from '../../store/claims.ts';
import { isMissing, writeFileAtomic } from '../../store/files.ts';
import { progressPath, stageFilePath } from '../../store/layout.ts';
import { SECRET_PATHS } from '../../store/secret-paths.ts';
import { inputFiles } from '../io/inputs.ts';
import { chatOf, withChat } from '../policy/chat.ts';
import { checkOutputs } from './check-outputs.ts';
import { refuseOtherCode } from './code.ts';
import type { StageContext, StageProgram } from './context.ts';
import { type Ending, endingOf, StageExit } from './exits.ts';
import { type Pod, readPod, storeMissing } from './pod.ts';
import { progressWriter } from './progress.ts';
import { isPublished, publish } from './publish.ts';

export { isMine, type StageContext, type StageProgram } from './context.ts';
export { StageExit } from './exits.ts';

/** Finds the program of a kind. It is loaded lazily, so that a pod loads only what it runs. */
export type FindProgram = <K extends StageKind>(kind: K) => Promise<StageProgram<K>>;

/**
 * Runs the part of a stage that the environment describes, and publishes it. Never rejects: an error becomes an ending,
 * by the failure table.
 */
export async function runStage(findProgram: FindProgram, env: NodeJS.ProcessEnv = process.env): Promise<Ending> {
  const abort = new AbortController();
  const onSigterm = () =>
    abort.abort(new StageExit('Preempted', 'stopped by SIGTERM; what was done is kept in the journal'));
  // The handler stays installed, because a second SIGTERM must not interrupt the saving that the first one began.
  process.on('SIGTERM', onSigterm);
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
      return { exitCode: 0, message: 'this part is published already' };
    }
    await refuseOtherCode(pod);
    return await runPart(pod, findProgram, log, abort);
  } catch (error) {
    // Work that was in progress at the signal often fails in its own way. The signal is the cause.
    const cause = abort.signal.aborted ? abort.signal.reason : await causeBehind(error, pod);
    const ending = endingOf(cause);
    const { exitCode, message } = ending;
    // The stack is logged only for an unexpected error.
    log.error({ exitCode, reason: message, ...(exitCode === 1 && { err: cause }) }, 'stage program failed');
    return ending;
  } finally {
    process.off('SIGTERM', onSigterm);
  }
}

/** Logs go to stdout, which the executor keeps in the store. Losing log lines (disk full) must not stop the stage. */
function logDestination(): DestinationStream {
  const destination = pino.destination({ fd: process.stdout.fd, sync: true, maxLength: LARGEST_LOG_BACKLOG });
  destination.on('error', () => {});
  return destination;
}

/** Characters of log to keep while the disk is full. */
const LARGEST_LOG_BACKLOG = 1 << 20;

/**
 * The cause of an error: a later attempt or a missing store, where there is one. In a replaced attempt everything fails
 * sooner or later, and without the store every file is missing.
 */
async function causeBehind(error: unknown, pod: Pod | undefined): Promise<unknown> {
  if (pod === undefined) return error;
  return await assertMayWrite(pod).then(
    () => error,
    (reason) => (reason instanceof StageExit ? reason : error),
  );
}

/** @throws StageExit when this attempt must not write: a later attempt has begun, or the store is missing */
async function assertMayWrite({ dir, attempt }: Pick<Pod, 'dir' | 'attempt'>): Promise<void> {
  if (await isFenced(dir, attempt)) {
    throw new StageExit('Fenced', `a later attempt than ${attempt} has begun; this one writes nothing more`);
  }
  // Without the store there are no claims to read, and a write would land below its mount point.
  await access(stageFilePath(dir)).catch((error: unknown) => {
    throw isMissing(error) ? storeMissing(stageFilePath(dir)) : error;
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
  const fence = () => assertMayWrite(pod);
  const progress = progressWriter(
    attempt,
    async (now) => {
      await fence(); // here a replaced attempt learns that it was replaced
      await writeFileAtomic(progressPath(dir, part), `${JSON.stringify(now)}\n`, fence);
    },
    (error) => {
      if (error instanceof StageExit) abort.abort(error);
      else log.warn({ err: error }, 'progress could not be written');
    },
  );
  const context = {
    stage: stage as StageFileOf<StageKind>,
    attempt,
    part,
    parts,
    dir,
    domain,
    log,
    signal,
    fence,
    inputFiles: (role: string, name: string) => inputFiles(store, stage, role, name),
    report: progress.report,
  } satisfies StageContext<StageKind>;
  try {
    log.info({ parts }, 'stage program starts');
    const program = await findProgram(stage.kind);
    const { files, counts } = await program(context);
    signal.throwIfAborted();
    await checkOutputs(stage.kind, dir, files, counts);
    // The part is the last write: once it is there, a worker takes the stage as finished.
    await progress.close();
    await publish(pod, files, counts, fence);
    log.info({ counts }, 'part published');
    return { exitCode: 0, message: 'published' };
  } finally {
    await progress.close();
  }
}

function checkSettings(domain: LoadedDomain, stage: Pod['stage']): void {
  parseOrRefuse(domain.settings, stage.domain.settings, `domain.settings of ${stage.name} (domain ${domain.name})`);
}
