import type { WorkflowInterceptors } from '@temporalio/workflow';
import { ignoreMessage } from './ignored.ts';

/** Names that the SDK keeps for itself. A signal of such a name fails the workflow task where a default handler is set, as it is here. */
const RESERVED = '__temporal_';

/** Interceptors of the workflow bundle: signals with reserved names are ignored and counted, as all signals without a handler are. */
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
