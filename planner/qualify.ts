import { hasMemory } from '../spec/index.ts';

/** Name of the GPU resource of nodes and pods. Source: NVIDIA's device plugin. */
export const GPU_RESOURCE = 'nvidia.com/gpu';
/** Node label with the memory of a GPU in MiB. Source: NVIDIA's GPU feature discovery. */
export const GPU_MEMORY_LABEL = 'nvidia.com/gpu.memory';
/** Prefix of temporary taints, which follow the state of a node. Source: Kubernetes, "Taint based evictions". */
const TEMPORARY_TAINTS = 'node.kubernetes.io/';

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

/** Facts about a node of a cluster. */
export interface NodeFacts {
  readonly name: string;
  readonly ready: boolean;
  /** Whether the node was cordoned with `kubectl cordon`. */
  readonly cordoned: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Resources of the node that pods can use. */
  readonly allocatable: Amounts;
}

/** A pod on a node that has not ended, with its requests. */
export interface PodFacts {
  readonly node: string;
  readonly requests: Amounts;
}

/** Requirements of a stage. */
export interface Need {
  readonly pods: number;
  /** Whether all pods must run at the same time. If not, the stage can run one pod at a time. */
  readonly gang: boolean;
  /** Requests of one pod, all containers together. */
  readonly requests: Amounts;
  readonly gpuMemoryGiB?: number | undefined;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  readonly excludedNodes: readonly string[];
}

/** The capacity of a node for the pods of a stage. */
export interface NodeCapacity {
  readonly node: string;
  /** Number of pods that fit on the node now, and on the empty node. */
  readonly podsNow: number;
  readonly podsEver: number;
}

/** Nodes without capacity for the same reason. */
export interface Refusal {
  readonly why: string;
  readonly nodes: readonly string[];
}

export interface Qualification {
  /**
   * `now`: enough is free. `later`: enough will be free once other pods have ended and all nodes are up. `never`: the
   * nodes are too small or too few.
   */
  readonly fits: 'now' | 'later' | 'never';
  /** Number of pods that must fit so that the stage can start. */
  readonly podsNeeded: number;
  readonly podsNow: number;
  readonly podsEver: number;
  readonly qualifying: readonly NodeCapacity[];
  readonly refused: readonly Refusal[];
}

/**
 * Finds the nodes on which the pods of a stage fit, and why they do not fit on the others. The reasons follow the order
 * of the checks in the scheduler. Pure. It decides only about the given nodes.
 */
export function qualify(need: Need, nodes: readonly NodeFacts[], pods: readonly PodFacts[]): Qualification {
  const usedOn = new Map<string, Amounts[]>();
  for (const { node, requests } of pods) usedOn.set(node, [...(usedOn.get(node) ?? []), requests]);
  const refusals = new Map<string, string[]>();
  const refuse = (why: string, node: string) => refusals.set(why, [...(refusals.get(why) ?? []), node]);
  const qualifying: NodeCapacity[] = [];
  const request: Amounts = { ...need.requests, pods: 1 };
  let podsEver = 0;
  for (const node of nodes) {
    const neverFits = whyNever(need, node);
    if (neverFits !== null) {
      refuse(neverFits, node.name);
      continue;
    }
    const ever = podsIn(node.allocatable, request);
    podsEver += ever;
    const notNow = whyNotNow(node);
    if (notNow !== null) {
      refuse(notNow, node.name);
      continue;
    }
    const used = usedOn.get(node.name) ?? [];
    const now = podsIn(lessOf(node.allocatable, [...used, { pods: used.length }]), request);
    if (now === 0) refuse(whyFull(node, used, request), node.name);
    else qualifying.push({ node: node.name, podsNow: now, podsEver: ever });
  }
  const podsNow = qualifying.reduce((sum, capacity) => sum + capacity.podsNow, 0);
  const podsNeeded = need.gang ? need.pods : 1;
  return {
    fits: podsNow >= podsNeeded ? 'now' : podsEver >= podsNeeded ? 'later' : 'never',
    podsNeeded,
    podsNow,
    podsEver,
    qualifying,
    refused: [...refusals].map(([why, names]) => ({ why, nodes: names })),
  };
}

/** Why no pod of this stage can ever run on the node; null if one can. */
function whyNever(need: Need, node: NodeFacts): string | null {
  const wrong = Object.entries(need.nodeSelector).find(([key, value]) => node.labels[key] !== value);
  if (wrong !== undefined) return `label ${wrong[0]} is ${node.labels[wrong[0]] ?? 'missing'}, expected ${wrong[1]}`;
  if (need.excludedNodes.includes(node.name)) return 'excluded, because it failed before';
  const taint = node.taints.find(
    (one) =>
      one.effect !== 'PreferNoSchedule' &&
      !one.key.startsWith(TEMPORARY_TAINTS) &&
      !need.tolerations.some((toleration) => tolerates(toleration, one)),
  );
  if (taint !== undefined) return `taint ${taintText(taint)} is not tolerated`;
  const short = Object.entries(need.requests).find(([name, needed]) => needed > (node.allocatable[name] ?? 0));
  if (short !== undefined) {
    const [name, needed] = short;
    const has = node.allocatable[name] ?? 0;
    return has === 0 ? `has no ${name}` : `has ${amountText(name, has)}, but a pod needs ${amountText(name, needed)}`;
  }
  return whyGpuMemory(need, node);
}

function whyGpuMemory({ requests, gpuMemoryGiB }: Need, { labels }: NodeFacts): string | null {
  if (gpuMemoryGiB === undefined || (requests[GPU_RESOURCE] ?? 0) === 0) return null;
  const mebibytes = Number(labels[GPU_MEMORY_LABEL]);
  if (!Number.isFinite(mebibytes)) return `GPU memory is unknown: no label ${GPU_MEMORY_LABEL}`;
  if (hasMemory(mebibytes / 1024, gpuMemoryGiB)) return null;
  return `its GPUs have ${(mebibytes / 1024).toFixed(0)} GiB, but a pod needs ${gpuMemoryGiB} GiB`;
}

const whyNotNow = ({ ready, cordoned, taints }: NodeFacts): string | null => {
  if (!ready) return 'NotReady';
  if (cordoned) return 'cordoned';
  const taint = taints.find(({ key, effect }) => key.startsWith(TEMPORARY_TAINTS) && effect !== 'PreferNoSchedule');
  return taint === undefined ? null : `taint ${taintText(taint)}`;
};

/** Describes the first resource that is used up by other pods. */
function whyFull(node: NodeFacts, used: readonly Amounts[], request: Amounts): string {
  const free = lessOf(node.allocatable, [...used, { pods: used.length }]);
  // GPUs come first, because they interest people most.
  const names = Object.keys(request).toSorted((a, b) => Number(b === GPU_RESOURCE) - Number(a === GPU_RESOURCE));
  const name = names.find((one) => (request[one] ?? 0) > (free[one] ?? 0)) ?? 'pods';
  const text = (amount: number) => amountText(name, Math.max(0, amount));
  return `${text(free[name] ?? 0)} free of ${text(node.allocatable[name] ?? 0)}: used by other pods`;
}

/**
 * How many times a request fits into an amount of resources. A node without an amount of `pods` has no limit for them.
 */
function podsIn(amounts: Amounts, request: Amounts): number {
  const times = Object.entries(request)
    .filter(([name, needed]) => needed > 0 && (name !== 'pods' || amounts.pods !== undefined))
    // A difference of fractional cores may be too small by a rounding error.
    .map(([name, needed]) => Math.floor((amounts[name] ?? 0) / needed + 1e-9));
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
