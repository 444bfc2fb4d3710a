/** A worker that kills itself: `ORRERY_TEST_DIE` names the moment, `before startAttempt` or `after awaitJob`. */
export function dying<T extends object>(activities: T): T {
  const [when, activity] = (process.env.ORRERY_TEST_DIE ?? '').split(' ');
  if (activity === undefined) return activities;
  const asked = (activities as Record<string, (...args: unknown[]) => unknown>)[activity];
  return {
    ...activities,
    async [activity](...args: unknown[]) {
      if (when === 'before') die();
      const result = await asked?.(...args);
      if (when === 'after') die(); // The activity has run, but its result is lost.
      return result;
    },
  };
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('killed');
}
