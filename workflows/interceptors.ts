import type { WorkflowInterceptors } from '@temporalio/workflow';
import { ignoreMessage } from './ignored.ts';

/**
 * Prefix of names that the SDK reserves. Where a default signal handler is set, a signal with such a name fails the
 * workflow task.
 */
const RESERVED = '__temporal_';

/**
 * Interceptors of the workflow bundle: ignore and count signals with reserved names, like all signals without a
 * handler.
 */
export const interceptors = (): WorkflowInterceptors => ({
  internals: [
    {
      activate: (input, next) => {
        const jobs = (input.activation.jobs ?? []).filter(({ signalWorkflow }) => {
          const reserved = signalWorkflow?.signalName?.startsWith(RESERVED) ?? false;
          if (reserved) ignoreMessage(`signal ${signalWorkflow?.signalName}`, 'expected a name that is not reserved');
          return !reserved;
        });
        next({ ...input, activation: { ...input.activation, jobs } });
      },
    },
  ],
});
