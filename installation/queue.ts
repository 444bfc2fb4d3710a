import { z } from 'zod';

/** Task queue of a worker that is told no other. */
export const DEFAULT_TASK_QUEUE = 'orrery';

/** Name of a task queue. It stands in queries and in commands that people copy, so it needs no quotes anywhere. The bound is *ours*. */
export const TaskQueueName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, ".", "_" and "-", starting with a letter or digit')
  .max(100);

/** Type of the workflow whose existence holds a task queue. No code exists for it. */
export const QUEUE_OWNER = 'queueOwner';

/**
 * Id of the workflow that holds a task queue, and the task queue that it waits on itself. Neither ids of campaigns nor names of queues have a
 * colon, so no campaign can take the id, and no worker can poll the queue.
 */
export const ownerIdOf = (queue: string): string => `orrery-queue:${queue}`;
