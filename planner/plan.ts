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
import type { Asked } from './asked.ts';
import { type ServerPlan, servePlan } from './serve.ts';
import { secondsOf } from './time.ts';
import { type TrainerPlan, trainPlan } from './train.ts';
import { type Counts, countsOf, type Work, workOf } from './work.ts';

/** What one stage asks for, whether the model fits into it, and how long it will take. */
export interface StagePlan {
  readonly name: string;
  readonly kind: StageSlot['kind'];
  readonly arm: string | null;
  readonly pods: number;
  /** Pods at the same time. */
  readonly atOnce: number;
  readonly gpusPerPod: number;
  /** Of all pods at work. */
  readonly gpus: number;
  readonly nodes: number;
  readonly work: Work;
  readonly server: ServerPlan | null;
  readonly trainer: TrainerPlan | null;
  /** Null where there is nothing to forecast it by: a model on CPUs. */
  readonly wallSeconds: number | null;
  readonly gpuHours: number | null;
}

export interface CampaignPlan {
  readonly campaign: string;
  readonly model: string;
  readonly parameters: number;
  readonly assumptions: Assumptions;
  readonly counts: Counts;
  readonly stages: readonly StagePlan[];
  /** Along the longest chain of stages: arms run beside each other. Null where a stage of it has no forecast. */
  readonly wallSeconds: number | null;
  readonly gpuHours: number | null;
  /** Most GPUs at work at a time, where no stage has to wait for machines. */
  readonly mostGpus: number;
  /** What does not fit, by field. */
  readonly complaints: readonly Complaint[];
  /** What fits and could be better, by field. */
  readonly advice: readonly Complaint[];
}

/** Forecast of a whole campaign. Pure. @param counted - see {@link countsOf} */
export function planOf(spec: CampaignSpec, architecture: Architecture, counted: Partial<Counts> = {}): CampaignPlan {
  const assumptions = spec.plan;
  const counts = countsOf(spec, assumptions, counted);
  const slots = planCampaign(spec);
  const planned = slots.map((slot) => planStage(slot, spec, architecture, counts));
  const stages = planned.map(({ stage }) => stage);
  const { ends, mostGpus } = schedule(slots, stages);
  const sum = (values: readonly (number | null)[]): number | null =>
    values.some((value) => value === null) ? null : values.reduce<number>((total, value) => total + (value ?? 0), 0);
  return {
    ...{
      campaign: spec.name,
      model: spec.policy.name,
      parameters: parametersOf(architecture),
      assumptions,
      counts,
      stages,
    },
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
  counts: Counts,
): { stage: StagePlan; complaints: readonly Complaint[]; advice: readonly Complaint[] } {
  const { run } = spec.stages[slot.kind];
  const gang = IS_TRAINER.has(slot.kind);
  const pods = gang ? run.ranks : run.shards;
  const atOnce = gang ? pods : Math.min(pods, run.parallelism ?? pods);
  const gpusPerPod = run.resources.gpus;
  const gpus = atOnce * gpusPerPod;
  const work = workOf(slot, spec, spec.plan, counts);
  const asked = { slot, spec, architecture, work, gpus, gpusPerPod };
  // Without GPUs there is no GPU memory to plan.
  const served = gpus > 0 && USES_POLICY_SERVER.has(slot.kind) && work.generated > 0 ? servePlan(asked) : null;
  const trained = gpus > 0 && gang ? trainPlan(asked) : null;
  const complaints = [...podComplaints(asked), ...(served?.complaints ?? []), ...(trained?.complaints ?? [])];
  const wallSeconds = secondsOf({ ...asked, rounds: Math.ceil(pods / atOnce), rl: trained?.plan.rl ?? null });
  const stage: StagePlan = {
    ...{ name: slot.name, kind: slot.kind, arm: slot.arm, pods, atOnce, gpusPerPod, gpus, work },
    nodes: gpus === 0 ? 0 : Math.ceil(atOnce / Math.max(1, Math.floor(spec.plan.gpusPerNode / gpusPerPod))),
    ...{ server: served?.plan ?? null, trainer: trained?.plan ?? null, wallSeconds },
    gpuHours: gpus === 0 ? 0 : wallSeconds === null ? null : (wallSeconds / 3600) * gpus,
  };
  return { stage, complaints, advice: served?.advice ?? [] };
}

function podComplaints({ slot, spec, gpusPerPod }: Asked): Complaint[] {
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
            message: `expected at most ${memory}, as ${gpu} has (plan.gpu), but got ${gpuMemoryGiB}`,
          },
        ]
      : []),
  ];
}

/** Runs the plan on paper: every stage starts when what it reads is there. */
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
