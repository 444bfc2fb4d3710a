import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Activities, JobRef, Timed } from '../../activities/index.ts';
import { progressSchedule } from '../../activities/progress-schedule.ts';
import { type Progress, parseCampaignSpec, type StageKind } from '../../spec/index.ts';
import type { Gang } from './gang.ts';

/** Durations of the stages of a simulated campaign, and the failures of the long ones. */
export interface CampaignPlan {
  /** Days of one execution, by kind. */
  readonly days: Readonly<Partial<Record<StageKind, number>>>;
  /** Trainings on gangs that fail, by stage. */
  readonly gangs: Readonly<Record<string, Gang>>;
}

const BEAT_MS = 1000;
const DAY_MS = 86_400_000;

/**
 * Activities of a whole campaign in which nothing runs and time passes. While a stage is at work its campaign is told
 * of the progress by the schedule of the real `awaitJob`, looked at every second of its time as that does, with as many
 * metrics as the real trainers report.
 */
export function campaignActivities(env: TestWorkflowEnvironment, plan: CampaignPlan): Partial<Activities> {
  const attempts = new Map<string, number>();
  const excluded = new Map<string, readonly string[]>();

  async function instant<T>(value: T): Promise<Timed<T>> {
    const now = await env.currentTimeMs();
    return { value, startedAt: now, finishedAt: now };
  }

  return {
    admitCampaign: ({ input }) =>
      instant({ spec: parseCampaignSpec(input, 'the campaign spec'), searchAttributes: false }),
    publishReport: () => instant({ html: 'report.html', json: 'report.json' }),
    hashData: () => instant(undefined),

    async startAttempt({ campaignId, campaignRun, request, excludedNodes }) {
      const key = keyOf(request.name);
      const attempt = (attempts.get(request.name) ?? -1) + 1;
      attempts.set(request.name, attempt);
      excluded.set(request.name, excludedNodes);
      const job: JobRef = {
        name: `${campaignId}-${attempt}`,
        campaignId,
        campaignRun,
        stage: request.name,
        key,
        attempt,
        publishers: 1,
        stallTimeoutSeconds: request.config.run.stallTimeoutSeconds,
        startedAt: new Date(await env.currentTimeMs()).toISOString(),
      };
      return instant({ kind: 'started', key, job });
    },

    async awaitJob(job) {
      const kind = kindOf(job.stage);
      const began = await env.currentTimeMs();
      const gang = plan.gangs[job.stage];
      const execution = gang?.execute(began / 1000, excluded.get(job.stage) ?? []);
      const lastsMs = Math.ceil(execution === undefined ? (plan.days[kind] ?? 0) * DAY_MS : execution.endedAt * 1000);
      await passTime(job, began, lastsMs);
      const at = (seconds: number | null) => (seconds === null ? null : new Date(began + seconds * 1000).toISOString());
      const facts = {
        firstPodAt: at(execution?.firstPodAt ?? 0),
        beganAt: at(execution === undefined ? 0 : execution.beganAt),
        toldAt: at(execution === undefined ? lastsMs / 1000 : execution.toldAt),
        endedAt: at(lastsMs / 1000),
        from: execution?.from ?? 0,
        done: execution?.done ?? 1,
        unit: 'optimizer step',
        savingSeconds: execution?.savingSeconds ?? 0,
      };
      if (gang === undefined || execution === undefined || execution.end === 'completed') {
        const result = { kind, key: job.key, digest: keyOf(`${job.stage} digest`) };
        return instant({ outcome: { kind: 'completed' }, facts, result });
      }
      const failure = {
        class: gang.classOf(execution.end),
        message: `simulated: ${execution.end}`,
        attempt: job.attempt,
        exitCode: null,
        part: null,
        node: execution.end === 'NodeFailure' ? execution.node : null,
      };
      return instant({ outcome: { kind: 'failed', failure }, facts, result: null });
    },

    releaseStage: () => instant(undefined),
    suspendJob: () => instant(undefined),
    stopJob: () => instant(undefined),
  };

  /** Sleeps from report to report. */
  async function passTime(job: JobRef, began: number, lastsMs: number): Promise<void> {
    const due = progressSchedule();
    let slept = 0;
    for (let beat = 0; beat < lastsMs; beat += BEAT_MS) {
      if (!due(beat)) continue;
      if (beat > slept) await env.sleep(beat - slept);
      slept = beat;
      await tellCampaign(job, progressAt(job, began + beat, beat / lastsMs));
    }
    await env.sleep(lastsMs - slept);
  }

  async function tellCampaign({ campaignId, campaignRun, stage }: JobRef, progress: Progress): Promise<void> {
    await env.client.workflow.getHandle(campaignId).signal('stageProgress', { campaignRun, stage, progress });
  }
}

/** A report as large as that of the real GRPO trainer. */
function progressAt({ attempt }: JobRef, now: number, share: number): Progress {
  const metrics = Object.fromEntries(METRICS.map((name, index) => [name, Math.sin(index + share * 100)]));
  return {
    attempt,
    unit: 'optimizer step',
    done: Math.floor(1000 * share),
    total: 1000,
    rate: 0.001_157,
    metrics,
    from: 0,
    beganAt: new Date(now).toISOString(),
    savingSeconds: 1000 * share,
    updatedAt: new Date(now).toISOString(),
  };
}
const METRICS = ['loss', 'reward', 'completionTokens', 'backtracks', 'gradNorm', 'learningRate', 'kl', 'entropy'];

/** `astro/evaluate-rl` -> `evaluate`. */
const kindOf = (stage: string): StageKind => (stage.split('/').at(-1) ?? '').split('-')[0] as StageKind;

/** 64 hexadecimal digits that no other name gives. */
const keyOf = (name: string): string => Buffer.from(name).toString('hex').slice(-64).padStart(64, '0');
