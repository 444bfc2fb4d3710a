import {
  type Assumptions,
  type CampaignSpec,
  type Complaint,
  GPUS,
  IS_TRAINER,
  planCampaign,
  type StageSlot,
  USES_POLICY_SERVER,
} from '../spec/index.ts';
import { type Architecture, parametersOf } from './architecture.ts';
import { type ServerPlan, servePlan } from './serve.ts';
import type { StageFacts } from './stage-facts.ts';
import { secondsOf } from './time.ts';
import { type TrainerPlan, trainPlan } from './train.ts';
import { countsOf, type ProblemCounts, type Work, workOf } from './work.ts';

/** Forecast of one stage: its resources, whether the model fits, and how long it takes. */
export interface StagePlan {
  readonly name: string;
  readonly kind: StageSlot['kind'];
  readonly arm: string | null;
  readonly pods: number;
  /** Number of pods that run at the same time. */
  readonly atOnce: number;
  readonly gpusPerPod: number;
  /** GPUs of all pods that run at the same time. */
  readonly gpus: number;
  readonly nodes: number;
  readonly work: Work;
  readonly server: ServerPlan | null;
  readonly trainer: TrainerPlan | null;
  /** Null without a forecast: for a model on CPUs. */
  readonly wallSeconds: number | null;
  readonly gpuHours: number | null;
}

export interface CampaignPlan {
  readonly campaign: string;
  readonly model: string;
  readonly parameters: number;
  readonly assumptions: Assumptions;
  readonly counts: ProblemCounts;
  readonly stages: readonly StagePlan[];
  /** Time of the longest chain of stages, because arms run in parallel. Null if one of its stages has no forecast. */
  readonly wallSeconds: number | null;
  readonly gpuHours: number | null;
  /** Maximum number of GPUs in use at a time, if no stage has to wait for machines. */
  readonly mostGpus: number;
  /** Settings that do not fit, by field. */
  readonly complaints: readonly Complaint[];
  /** Settings that fit but could be better, by field. */
  readonly advice: readonly Complaint[];
}

/** Forecasts a whole campaign. Pure. @param counted - see {@link countsOf} */
export function planOf(
  spec: CampaignSpec,
  architecture: Architecture,
  counted: Partial<ProblemCounts> = {},
): CampaignPlan {
  const assumptions = spec.plan;
  const counts = countsOf(spec, assumptions, counted);
  const slots = planCampaign(spec);
  const planned = slots.map((slot) => planStage(slot, spec, architecture, counts));
  const stages = planned.map(({ stage }) => stage);
  const { ends, mostGpus } = schedule(slots, stages);
  const sum = (values: readonly (number | null)[]): number | null =>
    values.some((value) => value === null) ? null : values.reduce<number>((total, value) => total + (value ?? 0), 0);
  return {
    campaign: spec.name,
    model: spec.policy.name,
    parameters: parametersOf(architecture),
    assumptions,
    counts,
    stages,
    wallSeconds: ends.some((end) => end === null) ? null : Math.max(...ends.map(Number)),
    gpuHours: sum(stages.map(({ gpuHours }) => gpuHours)),
    mostGpus,
    complaints: unique(planned.flatMap(({ complaints }) => complaints)),
    advice: unique(planned.flatMap(({ advice }) => advice)),
  };
}

function planStage(
  slot: StageSlot,
  spec: CampaignSpec,
  architecture: Architecture,
  counts: ProblemCounts,
): { stage: StagePlan; complaints: readonly Complaint[]; advice: readonly Complaint[] } {
  const { run } = spec.stages[slot.kind];
  const gang = IS_TRAINER.has(slot.kind);
  const pods = gang ? run.ranks : run.shards;
  const atOnce = gang ? pods : Math.min(pods, run.parallelism ?? pods);
  const gpusPerPod = run.resources.gpus;
  const gpus = atOnce * gpusPerPod;
  const work = workOf(slot, spec, spec.plan, counts);
  const facts = { slot, spec, architecture, work, gpus, gpusPerPod };
  // Without GPUs there is no GPU memory to plan.
  const served = gpus > 0 && USES_POLICY_SERVER.has(slot.kind) && work.generated > 0 ? servePlan(facts) : null;
  const trained = gpus > 0 && gang ? trainPlan(facts) : null;
  const complaints = [...podComplaints(facts), ...(served?.complaints ?? []), ...(trained?.complaints ?? [])];
  const wallSeconds = secondsOf({ ...facts, rounds: Math.ceil(pods / atOnce), rl: trained?.plan.rl ?? null });
  const stage: StagePlan = {
    name: slot.name,
    kind: slot.kind,
    arm: slot.arm,
    pods,
    atOnce,
    gpusPerPod,
    gpus,
    work,
    nodes: gpus === 0 ? 0 : Math.ceil(atOnce / Math.max(1, Math.floor(spec.plan.gpusPerNode / gpusPerPod))),
    server: served?.plan ?? null,
    trainer: trained?.plan ?? null,
    wallSeconds,
    gpuHours: gpus === 0 ? 0 : wallSeconds === null ? null : (wallSeconds / 3600) * gpus,
  };
  return { stage, complaints, advice: served?.advice ?? [] };
}

function podComplaints({ slot, spec, gpusPerPod }: StageFacts): Complaint[] {
  const { gpu, gpusPerNode } = spec.plan;
  const { gpuMemoryGiB } = spec.stages[slot.kind].run.resources;
  const field = `stages.${slot.kind}.run.resources`;
  const memory = GPUS[gpu].memoryGiB;
  return [
    ...(gpusPerPod > gpusPerNode
      ? [
          {
            field: `${field}.gpus`,
            message: `expected at most the ${gpusPerNode} GPUs of a node, but got ${gpusPerPod}`,
          },
        ]
      : []),
    ...(gpusPerPod > 0 && gpuMemoryGiB !== undefined && gpuMemoryGiB > memory
      ? [
          {
            field: `${field}.gpuMemoryGiB`,
            message: `expected at most ${memory}, the memory of ${gpu} (plan.gpu), but got ${gpuMemoryGiB}`,
          },
        ]
      : []),
  ];
}

/** Simulates the campaign: every stage starts when its inputs are finished. */
function schedule(
  slots: readonly StageSlot[],
  stages: readonly StagePlan[],
): { ends: (number | null)[]; mostGpus: number } {
  const spans = new Map<string, { start: number; end: number | null; gpus: number }>();
  slots.forEach(({ name, reads }, index) => {
    const stage = stages[index];
    if (stage === undefined) return;
    const before = Object.values(reads).map((read) => spans.get(read)?.end ?? null);
    const start = Math.max(0, ...before.map(Number));
    const unknown = stage.wallSeconds === null || before.includes(null);
    spans.set(name, { start, end: unknown ? null : start + (stage.wallSeconds ?? 0), gpus: stage.gpus });
  });
  const all = [...spans.values()];
  const atWork = all.map(({ start }) =>
    all
      .filter((other) => other.start <= start && (other.end === null || other.end > start))
      .reduce((sum, { gpus }) => sum + gpus, 0),
  );
  return { ends: all.map(({ end }) => end), mostGpus: Math.max(0, ...atWork) };
}

const unique = (complaints: readonly Complaint[]): Complaint[] => [
  ...new Map(complaints.map((complaint) => [complaint.field + complaint.message, complaint])).values(),
];
