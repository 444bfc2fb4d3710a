import type { Complaint } from '../spec/index.ts';
import { type InferencePlan, inferencePlan, smallestServer } from './inference.ts';
import type { MemoryNeed } from './memory.ts';
import type { Asked } from './plan.ts';

/** Policy servers of one pod. */
export interface ServerPlan extends InferencePlan {
  /** Longest sequence in tokens: `--max-model-len`. */
  readonly contextTokens: number;
  readonly serversPerPod: number;
  /** Sequences of mean length that one server's cache has room for. */
  readonly sequences: number;
}

/** The smallest policy server for a stage, in a pod of the GPUs that it asks for. */
export function servePlan(asked: Asked): { plan: ServerPlan; complaints: Complaint[] } {
  const { slot, spec, architecture, work, gpusPerPod } = asked;
  const { gpu, inferenceDtype: dtype, sequencesPerServer, gpusPerNode } = spec.plan;
  const contextTokens = Math.min(architecture.contextTokens, work.longest);
  const ask = { architecture, gpu, dtype, contextTokens };
  const enough = { sequences: sequencesPerServer, tokens: work.mean };
  const found = smallestServer(ask, gpusPerPod, enough);
  const plan = found ?? inferencePlan(ask, gpusPerPod);
  const inNode = found === null ? smallestServer(ask, gpusPerNode, enough) : found;
  const complaints =
    found === null
      ? [
          {
            field: `stages.${slot.kind}.run.resources.gpus`,
            message: `a policy server of ${spec.policy.name} in ${dtype} with ${contextTokens} tokens of context needs ${needWords(plan.memory)} on each of ${gpusPerPod} ${gpu}${inNode === null ? ', and does not fit one node at all' : `; ${inNode.tensorParallel} would do`}`,
          },
        ]
      : [];
  return {
    plan: {
      ...plan,
      contextTokens,
      serversPerPod: Math.floor(gpusPerPod / plan.tensorParallel),
      sequences: Math.floor(plan.cacheTokens / work.mean),
    },
    complaints,
  };
}

/** What is needed, beside what there is. */
export const needWords = ({ neededGiB, usableGiB }: MemoryNeed): string =>
  `${neededGiB.toFixed(1)} GiB of ${usableGiB.toFixed(1)} usable`;
