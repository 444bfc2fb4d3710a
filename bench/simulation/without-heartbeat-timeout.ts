import type { WorkflowInterceptors } from '@temporalio/workflow';

/** Schedules every activity as the workflow asks for it, but without a heartbeat time-out. Leaves the workflow code as it is. */
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
