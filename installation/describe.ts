import type { QueueLoss } from './claim.ts';
import { queueOwnerId, TaskQueueName } from './queue.ts';
import type { Installation, QueueOwner } from './queue-owner.ts';

/** Describes a store for a person: its id, folder and machine. */
export const describeStore = ({ store, path, host }: Installation): string => `${store} (${path} on ${host})`;

/** Describes the owner of a queue in one line. @param name - name of the queue, from Temporal */
export function describeQueueOwner(name: string, holder: QueueOwner): string {
  const queue = TaskQueueName.safeParse(name).success ? name : JSON.stringify(name.slice(0, 100));
  if (holder.kind === 'nobody') return `task queue ${queue} belongs to no store`;
  if (holder.kind === 'unreadable') {
    return `the owner of task queue ${queue} is unknown, because orrery did not start the workflow ${queueOwnerId(queue)}: ${holder.why}`;
  }
  const since = holder.since === null ? '' : ` since ${holder.since.toISOString()}`;
  return `task queue ${queue} belongs to the store ${describeStore(holder)}${since}`;
}

/**
 * Describes why a worker does not poll a queue, and what a person can do.
 * @param release - the command that releases the queue
 */
export function describeQueueLoss(queue: string, loss: QueueLoss, installation: Installation, release: string): string {
  const ours = `this worker's store is ${describeStore(installation)}`;
  switch (loss.kind) {
    case 'released':
      return `task queue ${queue} was released (orrery queue release), so this worker stops; start it again to claim the queue again`;
    case 'copied':
      return (
        `${loss.path} and ${installation.path} are two stores with the same id (${installation.store}), so one is a copy. ` +
        'To make the copy a separate installation, remove its instance.json and temporal.json, and choose another queue: ORRERY_TASK_QUEUE=NAME'
      );
    case 'taken':
      return (
        `${describeQueueOwner(queue, loss.holder)}; ${ours}, so it does not poll the queue. ` +
        `Choose another queue for this store: ORRERY_TASK_QUEUE=NAME. Or release the queue if the other store no longer needs it: ${release}`
      );
  }
}
