import { hasMemory } from '../spec/index.ts';

/** Resource of a node and of a pod that counts GPUs. Source: NVIDIA's device plugin. */
export const GPU_RESOURCE = 'nvidia.com/gpu';
/** Label with the memory of a node's GPUs in MiB. Source: NVIDIA's GPU feature discovery. */
export const GPU_MEMORY_LABEL = 'nvidia.com/gpu.memory';
/** Taints that come and go with the state of a node: it may be there later. Source: Kubernetes, "Taint based evictions". */
const PASSING_TAINTS = 'node.kubernetes.io/';

/** Amounts by resource: `cpu` in cores, `memory` in bytes, others as counts. */
export type Amounts = Readonly<Record<string, number>>;

export interface Taint {
  readonly key: string;
  readonly value?: string | undefined;
  readonly effect: string;
}

export interface Toleration {
  readonly key?: string | undefined;
  readonly operator?: string | undefined;
  readonly value?: string | undefined;
  readonly effect?: string | undefined;
}

/** What is known of a node of a cluster. */
export interface NodeFacts {
  readonly name: string;
  readonly ready: boolean;
  /** `kubectl cordon`. */
  readonly cordoned: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** What pods may have of it. */
  readonly allocatable: Amounts;
}

/** A pod that has not ended and holds its requests on a node. */
export interface PodFacts {
  readonly node: string;
  readonly requests: Amounts;
}

/** What a stage needs of a cluster. */
export interface Need {
  readonly pods: number;
  /** All pods at once, or none. Else one at a time would do, slowly. */
  readonly gang: boolean;
  /** Of one pod, all containers together. */
  readonly requests: Amounts;
  readonly gpuMemoryGiB?: number | undefined;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  readonly excludedNodes: readonly string[];
}

/** A node that could hold a pod at least once it is empty. */
export interface Room {
  readonly node: string;
  /** Pods of the stage that it has room for now, and when nobody else is on it. */
  readonly podsNow: number;
  readonly podsEver: number;
}

/** Nodes that were refused for one reason. */
export interface Refusal {
  readonly why: string;
  readonly nodes: readonly string[];
}

export interface Qualification {
  /** `now`: enough is free; `later`: it would be, without other pods and with every node up; `never`: not even then. */
  readonly fits: 'now' | 'later' | 'never';
  /** Pods that have to find room for the stage to begin. */
  readonly podsNeeded: number;
  readonly podsNow: number;
  readonly podsEver: number;
  readonly qualifying: readonly Room[];
  readonly refused: readonly Refusal[];
}

/**
 * Which nodes can hold pods of a stage, and why each other cannot, in the order in which the scheduler would say so. Pure: nodes and
 * pods are what was seen, and nothing is concluded of nodes that were not.
 */
export function qualify(need: Need, nodes: readonly NodeFacts[], pods: readonly PodFacts[]): Qualification {
  const usedOn = new Map<string, Amounts[]>();
  for (const { node, requests } of pods) usedOn.set(node, [...(usedOn.get(node) ?? []), requests]);
  const refusals = new Map<string, string[]>();
  const refuse = (why: string, node: string) => refusals.set(why, [...(refusals.get(why) ?? []), node]);
  const qualifying: Room[] = [];
  const request: Amounts = { ...need.requests, pods: 1 };
  let podsEver = 0;
  for (const node of nodes) {
    const never = neverWhy(need, node);
    if (never !== null) {
      refuse(never, node.name);
      continue;
    }
    const ever = podsIn(node.allocatable, request);
    podsEver += ever;
    const notYet = notYetWhy(node);
    if (notYet !== null) {
      refuse(notYet, node.name);
      continue;
    }
    const used = usedOn.get(node.name) ?? [];
    const now = podsIn(lessOf(node.allocatable, [...used, { pods: used.length }]), request);
    if (now === 0) refuse(usedWhy(node, used, request), node.name);
    else qualifying.push({ node: node.name, podsNow: now, podsEver: ever });
  }
  const podsNow = qualifying.reduce((sum, room) => sum + room.podsNow, 0);
  const podsNeeded = need.gang ? need.pods : 1;
  return {
    fits: podsNow >= podsNeeded ? 'now' : podsEver >= podsNeeded ? 'later' : 'never',
    ...{ podsNeeded, podsNow, podsEver, qualifying },
    refused: [...refusals].map(([why, names]) => ({ why, nodes: names })),
  };
}

/** Why the node can never hold a pod of this stage; null if it can. */
function neverWhy(need: Need, node: NodeFacts): string | null {
  const wrong = Object.entries(need.nodeSelector).find(([key, value]) => node.labels[key] !== value);
  if (wrong !== undefined) return `label ${wrong[0]} is ${node.labels[wrong[0]] ?? 'not there'}, and not ${wrong[1]}`;
  if (need.excludedNodes.includes(node.name)) return 'excluded: it failed before';
  const taint = node.taints.find(
    (one) =>
      one.effect !== 'PreferNoSchedule' &&
      !one.key.startsWith(PASSING_TAINTS) &&
      !need.tolerations.some((toleration) => tolerates(toleration, one)),
  );
  if (taint !== undefined) return `taint ${taintText(taint)} is not tolerated`;
  const short = Object.entries(need.requests).find(([name, asked]) => asked > (node.allocatable[name] ?? 0));
  if (short !== undefined) {
    const [name, asked] = short;
    const has = node.allocatable[name] ?? 0;
    return has === 0 ? `has no ${name}` : `has ${amountText(name, has)}, ${amountText(name, asked)} asked`;
  }
  return gpuMemoryWhy(need, node);
}

function gpuMemoryWhy({ requests, gpuMemoryGiB }: Need, { labels }: NodeFacts): string | null {
  if (gpuMemoryGiB === undefined || (requests[GPU_RESOURCE] ?? 0) === 0) return null;
  const mebibytes = Number(labels[GPU_MEMORY_LABEL]);
  if (!Number.isFinite(mebibytes)) return `GPU memory is not known: no label ${GPU_MEMORY_LABEL}`;
  if (hasMemory(mebibytes / 1024, gpuMemoryGiB)) return null;
  return `GPUs of ${(mebibytes / 1024).toFixed(0)} GiB, ${gpuMemoryGiB} asked`;
}

const notYetWhy = ({ ready, cordoned, taints }: NodeFacts): string | null => {
  if (!ready) return 'NotReady';
  if (cordoned) return 'cordoned';
  const taint = taints.find(({ key, effect }) => key.startsWith(PASSING_TAINTS) && effect !== 'PreferNoSchedule');
  return taint === undefined ? null : `taint ${taintText(taint)}`;
};

/** The first resource that others leave too little of. */
function usedWhy(node: NodeFacts, used: readonly Amounts[], request: Amounts): string {
  const free = lessOf(node.allocatable, [...used, { pods: used.length }]);
  // GPUs first: they are what people look for.
  const names = Object.keys(request).toSorted((a, b) => Number(b === GPU_RESOURCE) - Number(a === GPU_RESOURCE));
  const name = names.find((one) => (request[one] ?? 0) > (free[one] ?? 0)) ?? 'pods';
  const text = (amount: number) => amountText(name, Math.max(0, amount));
  return `${text(free[name] ?? 0)} free of ${text(node.allocatable[name] ?? 0)}: used by other pods`;
}

/** How often the request goes into what there is. A node that does not count pods has no limit of them. */
function podsIn(amounts: Amounts, request: Amounts): number {
  const times = Object.entries(request)
    .filter(([name, asked]) => asked > 0 && (name !== 'pods' || amounts.pods !== undefined))
    // What is left of a sum of fractions of cores may be short by a rounding error.
    .map(([name, asked]) => Math.floor((amounts[name] ?? 0) / asked + 1e-9));
  return Math.max(0, Math.min(...times));
}

function lessOf(amounts: Amounts, used: readonly Amounts[]): Amounts {
  return Object.fromEntries(
    Object.entries(amounts).map(([name, amount]) => [
      name,
      used.reduce((left, one) => left - (one[name] ?? 0), amount),
    ]),
  );
}

/** Whether a toleration covers a taint. Source: Kubernetes, "Taints and Tolerations". */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (!toleration.key) return toleration.operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}

const taintText = ({ key, value, effect }: Taint): string => `${key}${value ? `=${value}` : ''}:${effect}`;

function amountText(resource: string, amount: number): string {
  if (resource === 'memory') return `${(amount / 2 ** 30).toFixed(1)} GiB of memory`;
  if (resource === 'cpu') return `${Number(amount.toFixed(2))} cores`;
  return `${amount} ${resource}`;
}
