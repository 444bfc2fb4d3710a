import { ApplicationFailure, activityInfo } from '@temporalio/activity';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Activities, JobRef, Timed } from '../../activities/index.ts';
import type { Gang } from './gang.ts';

/** Failure type of a simulation that takes too long. */
export const HORIZON = 'Horizon';

export interface GangRun {
  readonly gang: Gang;
  /** The simulation ends after this many seconds. */
  readonly horizonSeconds: number;
  /** Time until a person restarts a held stage. */
  readonly personAnswersSeconds: number;
}

const KEY = 'a'.repeat(64);
const RESULT = { kind: 'rl', key: KEY, digest: 'b'.repeat(64) } as const;

/**
 * Activities of a stage with a simulated gang: only time passes. Their results have the shape and meaning of the real
 * ones.
 * @param runs - campaign id -> simulation
 */
export function gangActivities(env: TestWorkflowEnvironment, runs: ReadonlyMap<string, GangRun>): Partial<Activities> {
  const attempts = new Map<string, { count: number; excludedNodes: readonly string[]; askedAt: number }>();

  async function instant<T>(value: T): Promise<Timed<T>> {
    const now = await env.currentTimeMs();
    return { value, startedAt: now, finishedAt: now };
  }
  const runOf = (campaignId: string): GangRun => {
    const run = runs.get(campaignId);
    if (run === undefined) throw ApplicationFailure.nonRetryable(`there is no simulation ${campaignId}`);
    return run;
  };

  return {
    async startAttempt(start) {
      const { campaignId, campaignRun, excludedNodes } = start;
      const now = (await env.currentTimeMs()) / 1000;
      runOf(campaignId).gang.ask(now);
      const before = attempts.get(campaignId);
      const count = before === undefined ? 0 : before.count + 1;
      attempts.set(campaignId, { count, excludedNodes, askedAt: before?.askedAt ?? now });
      const job: JobRef = {
        name: `${campaignId}-${count}`,
        campaignId,
        campaignRun,
        stage: start.request.name,
        key: KEY,
        attempt: count,
        publishers: 1,
        stallTimeoutSeconds: start.request.config.run.stallTimeoutSeconds,
        startedAt: new Date(now * 1000).toISOString(),
      };
      return instant({ kind: 'started', key: KEY, job });
    },

    async awaitJob({ campaignId, attempt }) {
      const { gang, horizonSeconds } = runOf(campaignId);
      const asked = attempts.get(campaignId);
      const began = (await env.currentTimeMs()) / 1000;
      if (began - (asked?.askedAt ?? began) > horizonSeconds) {
        throw ApplicationFailure.nonRetryable('the simulation has come to its horizon', HORIZON);
      }
      const execution = gang.execute(began, asked?.excludedNodes ?? []);
      await env.sleep(Math.ceil(execution.endedAt * 1000));
      const at = (seconds: number | null): string | null =>
        seconds === null ? null : new Date((began + seconds) * 1000).toISOString();
      const facts = {
        firstPodAt: at(execution.firstPodAt),
        beganAt: at(execution.beganAt),
        toldAt: at(execution.toldAt),
        endedAt: at(execution.endedAt),
        // A gang that never reported has no known work.
        from: execution.beganAt === null ? null : execution.from,
        done: execution.beganAt === null ? null : execution.done,
        unit: 'optimizer step',
        savingSeconds: execution.savingSeconds,
      };
      if (execution.end === 'completed') return instant({ outcome: { kind: 'completed' }, facts, result: RESULT });
      const failureClass = gang.classOf(execution.end);
      const failure = {
        class: failureClass,
        message: `simulated: ${execution.end}`,
        attempt,
        exitCode: null,
        part: null,
        node: failureClass === 'NodeFailure' ? execution.node : null,
      };
      return instant({ outcome: { kind: 'failed', failure }, facts, result: null });
    },

    /** The workflow calls this when a stage is held. It determines when a person will restart the stage. */
    async releaseStage({ attempt }) {
      const { workflowExecution, taskQueue } = activityInfo();
      const stage = workflowExecution?.workflowId ?? '';
      const { personAnswersSeconds } = runOf(stage.split('/')[0] ?? '');
      const workflowId = `${stage}/person-${attempt}`;
      await env.client.workflow.start('person', { taskQueue, workflowId, args: [stage, personAnswersSeconds] });
      return instant(undefined);
    },
    suspendJob: () => instant(undefined),
    stopJob: () => instant(undefined),
  };
}
