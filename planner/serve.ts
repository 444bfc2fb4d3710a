import type { Complaint } from '../spec/index.ts';
import { type InferenceInput, type InferencePlan, inferencePlan, smallestServer } from './inference.ts';
import type { MemoryNeed } from './memory.ts';
import type { StageFacts } from './stage-facts.ts';

/** Policy servers of one pod. */
export interface ServerPlan extends InferencePlan {
  /** Maximum length of a sequence in tokens: `--max-model-len`. */
  readonly contextTokens: number;
  readonly serversPerPod: number;
  /** Capacity of the cache of one server, in sequences of mean length. */
  readonly sequences: number;
}

export interface Served {
  readonly plan: ServerPlan;
  readonly complaints: readonly Complaint[];
  readonly advice: readonly Complaint[];
}

/**
 * Plans the policy servers in a pod of a stage. For vLLM, `run.policyServer` determines their size. Otherwise the
 * smallest sufficient size is used.
 */
export function servePlan(facts: StageFacts): Served {
  const { slot, spec, architecture, work, gpusPerPod } = facts;
  const { gpu, inferenceDtype: dtype, sequencesPerServer, gpusPerNode } = spec.plan;
  const { engine, tensorParallel, contextTokens: given, args } = spec.stages[slot.kind].run.policyServer;
  const enough = { sequences: sequencesPerServer, tokens: work.mean };
  const needed = Math.min(architecture.contextTokens, work.longest);
  // By default, vLLM uses the full context of the model.
  const contextTokens = engine === 'vllm' ? (given ?? architecture.contextTokens) : needed;
  const input: InferenceInput = { architecture, gpu, dtype, contextTokens };
  const smallest = smallestServer(input, gpusPerPod, enough);
  const size = engine === 'vllm' ? (tensorParallel ?? gpusPerPod) : (smallest?.tensorParallel ?? gpusPerPod);
  const inference = inferencePlan(input, size);
  const maxServers = Math.floor(gpusPerPod / size);
  const serversPerPod = engine === 'vllm' ? Math.min(maxServers, copiesIn(args)) : maxServers;
  const plan = { ...inference, contextTokens, serversPerPod, sequences: Math.floor(inference.cacheTokens / work.mean) };
  const field = `stages.${slot.kind}.run`;
  const complaints: Complaint[] = [];
  if (contextTokens < needed) {
    const message = `expected at least ${needed}, the length of the longest prompt with its completion in this stage, but got ${contextTokens}`;
    complaints.push({ field: `${field}.policyServer.contextTokens`, message });
  }
  if (!inference.memory.fits || size > gpusPerPod) {
    const inNode = smallest ?? smallestServer(input, gpusPerNode, enough);
    const help =
      inNode === null ? '; it does not fit on any node' : `; it fits with tensor parallel ${inNode.tensorParallel}`;
    const message = `a policy server of ${spec.policy.name} in ${dtype} with ${contextTokens} tokens of context needs ${describeNeed(inference.memory)} on each of ${size} ${gpu}, in a pod with ${gpusPerPod}${help}`;
    complaints.push({ field: `${field}.resources.gpus`, message });
  }
  const advice =
    serversPerPod * size < gpusPerPod && complaints.length === 0
      ? [{ field: `${field}.policyServer`, message: describeIdleGpus(serversPerPod * size, gpusPerPod, maxServers) }]
      : [];
  return { plan, complaints, advice };
}

/** Number of copies of the model according to the arguments of vLLM. */
function copiesIn(args: readonly string[]): number {
  const at = args.indexOf('--data-parallel-size');
  const joined = args.find((arg) => arg.startsWith('--data-parallel-size='))?.split('=')[1];
  return Number((at >= 0 ? args[at + 1] : joined) ?? 1) || 1;
}

const describeIdleGpus = (used: number, gpus: number, maxServers: number): string =>
  `only ${used} of the ${gpus} GPUs of a pod serve${maxServers > 1 ? `; args: ["--data-parallel-size", "${maxServers}"] would use more` : ''}`;

/** The needed and the usable memory. */
export const describeNeed = ({ neededGiB, usableGiB }: MemoryNeed): string =>
  `${neededGiB.toFixed(1)} GiB of ${usableGiB.toFixed(1)} usable`;
