import { z } from 'zod';

/** Default task queue of a worker. */
export const DEFAULT_TASK_QUEUE = 'orrery';

/**
 * Name of a task queue. It appears in queries and in commands that people copy, so it must not need quotes. The limit
 * is *ours*.
 */
export const TaskQueueName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'expected letters, digits, ".", "_" and "-", starting with a letter or digit')
  .max(100);

/** Type of the workflow that records the owner of a task queue. It has no code. */
export const QUEUE_OWNER = 'queueOwner';

/**
 * Id of the workflow that records the owner of a task queue. It is also the name of the queue on which that workflow
 * waits. Ids of campaigns and names of queues have no colon, so no campaign can take this id, and no worker can poll
 * this queue.
 */
export const queueOwnerId = (queue: string): string => `orrery-queue:${queue}`;
