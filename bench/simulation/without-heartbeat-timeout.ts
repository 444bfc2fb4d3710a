import type { WorkflowInterceptors } from '@temporalio/workflow';

/** Schedules every activity without its heartbeat time-out. The workflow code stays unchanged. */
export const interceptors = (): WorkflowInterceptors => ({
  outbound: [
    {
      scheduleActivity: (input, next) => {
        const { heartbeatTimeout: _, ...options } = input.options;
        return next({ ...input, options });
      },
    },
  ],
});
