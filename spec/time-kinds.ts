/** What a stage spends its time on. Every second from its first start to its end is charged to exactly one kind. */
export const TIME_KINDS = [
  'orchestrating', // orrery's own work: keys, claims, sealing, deciding
  'queued', // submitted, and waiting for a machine
  'starting', // processes start, load weights, read their journal or checkpoint
  'working', // work that was kept
  'saving', // work stops while a checkpoint is saved, including the one before a pause
  'lost', // work that had to be done again
  'backing-off', // waits before the next attempt
  'held', // has used up its attempts and waits for a person
  'blocked', // waits for another campaign that runs the same stage
  'paused', // paused by a person
  'waiting-for-worker', // a job had ended or a timer was due, and no worker was running
] as const;
