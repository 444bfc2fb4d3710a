import type { Loss } from './claim.ts';
import type { Holder, Installation } from './holder.ts';
import { ownerIdOf, TaskQueueName } from './queue.ts';

/** A store for a person: its name, and where it lies. */
export const describeStore = ({ store, path, host }: Installation): string => `${store} (${path} on ${host})`;

/** Whose a queue is, as one line. @param name - of the queue, as Temporal tells it */
export function describeHolder(name: string, holder: Holder): string {
  const queue = TaskQueueName.safeParse(name).success ? name : JSON.stringify(name.slice(0, 100));
  if (holder.kind === 'nobody') return `task queue ${queue} belongs to no store`;
  if (holder.kind === 'unreadable') {
    return `a workflow ${ownerIdOf(queue)} that orrery did not write holds the task queue ${queue}: ${holder.why}`;
  }
  const since = holder.since === null ? '' : ` since ${holder.since.toISOString()}`;
  return `task queue ${queue} belongs to the store ${describeStore(holder)}${since}`;
}

/**
 * Why a worker does not poll a queue, and the ways out.
 * @param release - the command that gives the queue up
 */
export function describeLoss(queue: string, loss: Loss, installation: Installation, release: string): string {
  const ours = `this worker's store is ${describeStore(installation)}`;
  switch (loss.kind) {
    case 'released':
      return `task queue ${queue} was given up (orrery queue release): this worker stops polling; start it again to claim the queue again`;
    case 'copied':
      return (
        `${loss.path} and ${installation.path} are two folders with the same name of a store (${installation.store}): one is a copy. ` +
        'To make the copy an installation of its own, remove instance.json and temporal.json in it, and choose another queue: ORRERY_TASK_QUEUE=NAME'
      );
    case 'taken':
      return (
        `${describeHolder(queue, loss.holder)}; ${ours}, so it does not poll. ` +
        `Choose another queue for this store: ORRERY_TASK_QUEUE=NAME. Or give the queue up on purpose, once nothing of the other needs it: ${release}`
      );
  }
}
