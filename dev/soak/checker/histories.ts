import { join } from 'node:path';
import { namesIn, readJson } from './read.ts';
import type { StageFolder } from './store.ts';
import type { Report } from './violations.ts';

/** The part of `temporal workflow show --output json` that the checker reads. */
interface HistoryJson {
  readonly events: readonly EventJson[];
}
interface EventJson {
  readonly eventId: string;
  readonly eventType: string;
  readonly workflowExecutionFailedEventAttributes?: { readonly failure?: { readonly message?: string } };
  readonly workflowTaskFailedEventAttributes?: {
    readonly cause?: string;
    readonly failure?: { readonly message?: string };
  };
  readonly activityTaskScheduledEventAttributes?: { readonly activityType: { readonly name: string } };
  readonly activityTaskCompletedEventAttributes?: {
    readonly scheduledEventId: string;
    readonly result?: { readonly payloads?: readonly { readonly data?: string }[] };
  };
  readonly activityTaskFailedEventAttributes?: { readonly failure?: { readonly message?: string } };
  readonly activityTaskTimedOutEventAttributes?: { readonly failure?: { readonly message?: string } };
}

/** The member `value` of the result of the activity `startAttempt`. */
interface StartedJson {
  readonly kind: string;
  readonly job?: { readonly key: string; readonly attempt: number };
}

const ENDS_WELL: ReadonlySet<string> = new Set([
  'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
  'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW',
]);
/** A message that arrives while a workflow task ends makes the server retry the task. This is normal. */
const HARMLESS = 'WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND';

/**
 * Checks the histories: every workflow completed without a failed workflow task, and each claim in the store belongs to
 * exactly one execution that one workflow started.
 * @param folder - `histories/` of the evidence
 */
export async function checkHistories(
  folder: string,
  store: ReadonlyMap<string, StageFolder>,
  report: Report,
): Promise<void> {
  const started = new Map<string, string[]>();
  for (const workflow of await namesIn(folder)) {
    for (const run of await namesIn(join(folder, workflow))) {
      const where = `history ${workflow.replaceAll('~', '/')}, run ${run.replace('.json', '')}`;
      const { events } = await readJson<HistoryJson>(join(folder, workflow, run));
      checkEvents(where, events, report);
      for (const { key, attempt } of startedAttempts(events)) {
        const execution = `${key}/${attempt}`;
        started.set(execution, [...(started.get(execution) ?? []), where]);
      }
    }
  }
  for (const [execution, who] of started) {
    const [key = '', attempt] = execution.split('/');
    if (who.length > 1) report('doubled', execution, `one attempt was started ${who.length} times: ${who.join('; ')}`);
    if (store.get(key)?.claims[Number(attempt)] === undefined)
      report('lost', execution, `${who[0]} started this execution, but the store has no claim of it`);
  }
  for (const { key, stage, claims, dir } of store.values()) {
    for (const { attempt } of claims) {
      if (!started.has(`${key}/${attempt}`))
        report('doubled', `${stage.name} (${dir})`, `attempt ${attempt} was claimed, but no workflow started it`);
    }
  }
}

function checkEvents(where: string, events: readonly EventJson[], report: Report): void {
  const last = events.at(-1);
  if (!ENDS_WELL.has(last?.eventType ?? '')) {
    const why = last?.workflowExecutionFailedEventAttributes?.failure?.message ?? '';
    report('lost', where, `expected the run to complete, but it ends with ${last?.eventType ?? 'no event'} ${why}`);
  }
  for (const event of events) {
    const task = event.workflowTaskFailedEventAttributes;
    if (task !== undefined && task.cause !== HARMLESS)
      report(
        'false failures',
        where,
        `a workflow task failed (event ${event.eventId}): ${task.cause ?? ''} ${task.failure?.message ?? ''}`,
      );
    const activity = event.activityTaskFailedEventAttributes ?? event.activityTaskTimedOutEventAttributes;
    if (activity !== undefined)
      report(
        'false failures',
        where,
        `an activity failed without a retry (event ${event.eventId}): ${activity.failure?.message ?? ''}`,
      );
  }
}

function startedAttempts(events: readonly EventJson[]): { key: string; attempt: number }[] {
  const asked = new Set(
    events
      .filter((event) => event.activityTaskScheduledEventAttributes?.activityType.name === 'startAttempt')
      .map(({ eventId }) => eventId),
  );
  return events.flatMap(({ activityTaskCompletedEventAttributes: completed }) => {
    if (completed === undefined || !asked.has(completed.scheduledEventId)) return [];
    const data = Buffer.from(completed.result?.payloads?.[0]?.data ?? '', 'base64').toString('utf8');
    const { value: answer } = JSON.parse(data) as { value: StartedJson };
    return answer.kind === 'started' && answer.job !== undefined ? [answer.job] : [];
  });
}
