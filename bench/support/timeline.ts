import type { WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';

const { temporal } = proto;
type EventType = proto.temporal.api.enums.v1.EventType;
export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** One event of a history, with the fields that benchmarks need. */
export interface TimelineEvent {
  readonly type: string;
  /** Time of the server in ms since the epoch, with fractions. */
  readonly at: number;
  /** Activity type, for events of activities. */
  readonly activity: string | null;
  /** Workflow id, for events of child workflows. */
  readonly child: string | null;
}

export function timelineOf({ events }: History): TimelineEvent[] {
  const activities = new Map<string, string>();
  return (events ?? []).map((event) => {
    const scheduled = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (scheduled) activities.set(String(event.eventId), scheduled);
    const closing =
      event.activityTaskStartedEventAttributes ??
      event.activityTaskCompletedEventAttributes ??
      event.activityTaskFailedEventAttributes;
    const child =
      event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowId ??
      event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId ??
      event.childWorkflowExecutionCompletedEventAttributes?.workflowExecution?.workflowId;
    return {
      type: typeName(event.eventType),
      at: msOf(event.eventTime),
      activity: scheduled ?? activities.get(String(closing?.scheduledEventId)) ?? null,
      child: child ?? null,
    };
  });
}

/** The last event of the kind. @throws Error when the history has none, so the benchmark's assumptions are wrong */
export function lastOf(
  timeline: readonly TimelineEvent[],
  type: string,
  what: Partial<Pick<TimelineEvent, 'activity' | 'child'>> = {},
): TimelineEvent {
  const found = timeline.findLast(
    (event) =>
      event.type === type &&
      (what.activity === undefined || event.activity === what.activity) &&
      (what.child === undefined || event.child === what.child),
  );
  if (found === undefined) throw new Error(`expected an event ${type} ${JSON.stringify(what)}, but there is none`);
  return found;
}

/** Size of a history on the server in bytes. */
export const bytesOf = (history: History): number => temporal.api.history.v1.History.encode(history).finish().length;

/** `EVENT_TYPE_WORKFLOW_EXECUTION_STARTED` -> `WorkflowExecutionStarted`. */
function typeName(type: EventType | null | undefined): string {
  const name = temporal.api.enums.v1.EventType[type ?? 0] ?? '';
  return name
    .replace('EVENT_TYPE_', '')
    .toLowerCase()
    .replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export const msOf = (time: { seconds?: unknown; nanos?: number | null } | null | undefined): number =>
  Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
