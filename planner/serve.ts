import type { Complaint } from '../spec/index.ts';
import type { Asked } from './asked.ts';
import { type InferenceAsk, type InferencePlan, inferencePlan, smallestServer } from './inference.ts';
import type { MemoryNeed } from './memory.ts';

/** Policy servers of one pod. */
export interface ServerPlan extends InferencePlan {
  /** Longest sequence in tokens: `--max-model-len`. */
  readonly contextTokens: number;
  readonly serversPerPod: number;
  /** Sequences of mean length that one server's cache has room for. */
  readonly sequences: number;
}

export interface Served {
  readonly plan: ServerPlan;
  readonly complaints: readonly Complaint[];
  readonly advice: readonly Complaint[];
}

/**
 * Policy servers of a stage, in a pod of the GPUs that it asks for: as `run.policyServer` has them, where it names vLLM; else the
 * smallest that do.
 */
export function servePlan(asked: Asked): Served {
  const { slot, spec, architecture, work, gpusPerPod } = asked;
  const { gpu, inferenceDtype: dtype, sequencesPerServer, gpusPerNode } = spec.plan;
  const { engine, tensorParallel, contextTokens: given, args } = spec.stages[slot.kind].run.policyServer;
  const enough = { sequences: sequencesPerServer, tokens: work.mean };
  const needed = Math.min(architecture.contextTokens, work.longest);
  // vLLM takes the model's whole context where it is told nothing.
  const contextTokens = engine === 'vllm' ? (given ?? architecture.contextTokens) : needed;
  const ask: InferenceAsk = { architecture, gpu, dtype, contextTokens };
  const smallest = smallestServer(ask, gpusPerPod, enough);
  const size = engine === 'vllm' ? (tensorParallel ?? gpusPerPod) : (smallest?.tensorParallel ?? gpusPerPod);
  const inference = inferencePlan(ask, size);
  const room = Math.floor(gpusPerPod / size);
  const serversPerPod = engine === 'vllm' ? Math.min(room, copiesIn(args)) : room;
  const plan = { ...inference, contextTokens, serversPerPod, sequences: Math.floor(inference.cacheTokens / work.mean) };
  const field = `stages.${slot.kind}.run`;
  const complaints: Complaint[] = [];
  if (contextTokens < needed) {
    const message = `expected at least ${needed}, the longest prompt and completion of this stage, but got ${contextTokens}`;
    complaints.push({ field: `${field}.policyServer.contextTokens`, message });
  }
  if (!inference.memory.fits || size > gpusPerPod) {
    const inNode = smallest ?? smallestServer(ask, gpusPerNode, enough);
    const would = inNode === null ? ', and fits no node' : `; tensor parallel ${inNode.tensorParallel} would do`;
    const message = `a policy server of ${spec.policy.name} in ${dtype} with ${contextTokens} tokens of context needs ${needWords(inference.memory)} on each of ${size} ${gpu}, in a pod of ${gpusPerPod}${would}`;
    complaints.push({ field: `${field}.resources.gpus`, message });
  }
  const advice =
    serversPerPod * size < gpusPerPod && complaints.length === 0
      ? [{ field: `${field}.policyServer`, message: idleWords(serversPerPod * size, gpusPerPod, room) }]
      : [];
  return { plan, complaints, advice };
}

/** Copies of the model that vLLM is told to serve. */
function copiesIn(args: readonly string[]): number {
  const at = args.indexOf('--data-parallel-size');
  const joined = args.find((arg) => arg.startsWith('--data-parallel-size='))?.split('=')[1];
  return Number((at >= 0 ? args[at + 1] : joined) ?? 1) || 1;
}

const idleWords = (used: number, gpus: number, room: number): string =>
  `${used} of the ${gpus} GPUs of a pod serve${room > 1 ? `; args: ["--data-parallel-size", "${room}"] makes use of more` : ''}`;

/** What is needed, beside what there is. */
export const needWords = ({ neededGiB, usableGiB }: MemoryNeed): string =>
  `${neededGiB.toFixed(1)} GiB of ${usableGiB.toFixed(1)} usable`;
