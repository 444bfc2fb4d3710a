import capabilities from '../spec/engines/capabilities.json' with { type: 'json' };
import {
  type CampaignSpec,
  type Complaint,
  GPUS,
  InvalidInputError,
  IS_TRAINER,
  planCampaign,
  type StageFile,
  type StageKind,
  USES_POLICY_SERVER,
} from '../spec/index.ts';
import { type Architecture, parametersOf, pretrainedArchitecture, publishedArchitecture } from './architecture.ts';

/**
 * What the programs of this version can do. `spec/engines/capabilities.json` holds it, and the Python programs refuse by the same file, so
 * that the door and the programs agree. A simulation of other programs passes their own.
 */
export interface Engines {
  readonly trainers: {
    /** GPUs that one rank uses. */
    readonly gpusPerRank: number;
    /** Whether ranks divide the policy and its optimizer among them (FSDP). If not, each rank holds all of it. */
    readonly shardsThePolicy: boolean;
    /** Weights, gradients and AdamW moments in fp32, in bytes a parameter. */
    readonly stateBytesPerParameter: number;
    /** Most ranks, by kind of stage; no limit for a kind that is not here. */
    readonly mostRanks: Readonly<Record<string, number>>;
  };
  readonly embeddedServer: {
    /** GPUs that it uses of those of its pod. */
    readonly gpus: number;
    /** Least bytes of a weight. */
    readonly weightBytesPerParameter: number;
    /** Fields of `run.policyServer` that only vLLM takes. */
    readonly ignores: readonly string[];
  };
}
export const ENGINES: Engines = capabilities;

/** What of a stage decides whether the programs can run it. */
export type EngineAsk = Pick<StageFile, 'kind' | 'config' | 'policy'>;

/**
 * What a campaign asks for and the programs of this version cannot do, by field, with what would run. Pure. Stages that the campaign does
 * not reach (`until`) are not looked at.
 * @param architecture - of the campaign's policy; null where it is not known: then memory is not judged
 */
export function unsupportedIn(
  spec: CampaignSpec,
  engines: Engines = ENGINES,
  architecture: Architecture | null = knownArchitecture(spec),
): Complaint[] {
  const kinds = [...new Set(planCampaign(spec).map(({ kind }) => kind))];
  const refused = kinds.flatMap((kind) => {
    const ask = { kind, config: spec.stages[kind], policy: spec.policy } as EngineAsk;
    const complaints = stageComplaints(ask, engines, architecture);
    return complaints.map(({ field, message }) => ({ kind, field: `stages.${kind}.${field}`, message }));
  });
  // Said once, with the last word on the first stage that cannot run.
  const last = refused.findLastIndex(({ kind }) => kind === refused[0]?.kind);
  return [
    ...policyComplaints(spec),
    ...refused.map(({ kind, field, message }, index) => ({
      field,
      message: index === last ? message + whatRuns(kind) : message,
    })),
  ];
}

/** Last stage that can run where the trainer of `kind` cannot. */
function whatRuns(kind: StageKind): string {
  const before = kind === 'sft' ? 'rewrite' : kind === 'rl' ? 'curriculum' : null;
  return before === null ? '' : `. What comes before ${kind} can run: set until: ${before}`;
}

/**
 * Refuses a stage that the programs of this version cannot run, before anything of it is claimed or started.
 * @throws InvalidInputError naming every field
 */
export function refuseUnsupportedStage(stage: EngineAsk & Pick<StageFile, 'name'>, engines: Engines = ENGINES): void {
  const architecture = stage.policy.type === 'pretrained' ? publishedArchitecture(stage.policy.name) : null;
  const complaints = stageComplaints(stage, engines, architecture);
  if (complaints.length > 0) throw new InvalidInputError(`stage ${stage.name}`, complaints);
}

/** The architecture that the spec alone tells. */
function knownArchitecture({ policy, stages }: CampaignSpec): Architecture | null {
  return policy.type === 'pretrain'
    ? pretrainedArchitecture(stages.pretrain.model)
    : publishedArchitecture(policy.name);
}

function policyComplaints({ policy }: CampaignSpec): Complaint[] {
  if (policy.type === 'pretrain' || !/^[a-z][a-z0-9+.-]*:/i.test(policy.uri)) return [];
  const message = `expected the path of a folder, as the pods see it, but got an address; weights are not fetched`;
  return [{ field: 'policy.uri', message }];
}

/** Fields are relative to the stage's settings. */
function stageComplaints(ask: EngineAsk, engines: Engines, architecture: Architecture | null): Complaint[] {
  if (IS_TRAINER.has(ask.kind)) return trainerComplaints(ask, engines.trainers, architecture);
  if (!USES_POLICY_SERVER.has(ask.kind)) return [];
  return ask.config.run.policyServer.engine === 'embedded'
    ? serverComplaints(ask, engines.embeddedServer, architecture)
    : vllmComplaints(ask, architecture);
}

/** Arguments with which vLLM takes a context beyond the model's own. */
const STRETCHES_CONTEXT = /^--(rope|hf)[-_]/;

/** What vLLM refuses when it starts: by then the machines are paid for. */
function vllmComplaints({ config: { run } }: EngineAsk, architecture: Architecture | null): Complaint[] {
  if (architecture === null) return [];
  const { heads, contextTokens: longest } = architecture;
  const { tensorParallel = Math.max(1, run.resources.gpus), contextTokens, args } = run.policyServer;
  const complaints: Complaint[] = [];
  if (heads % tensorParallel !== 0) {
    complaints.push({
      field: 'run.policyServer.tensorParallel',
      message: `expected a divisor of the ${heads} attention heads of the policy, but got ${tensorParallel}${run.policyServer.tensorParallel === undefined ? ' (all GPUs of the pod)' : ''}: vLLM divides them among the GPUs`,
    });
  }
  if (contextTokens !== undefined && contextTokens > longest && !args.some((arg) => STRETCHES_CONTEXT.test(arg))) {
    complaints.push({
      field: 'run.policyServer.contextTokens',
      message: `expected at most ${longest}, the context of the policy, but got ${contextTokens}`,
    });
  }
  return complaints;
}

function trainerComplaints(
  { kind, config: { run } }: EngineAsk,
  trainers: Engines['trainers'],
  architecture: Architecture | null,
): Complaint[] {
  const complaints: Complaint[] = [];
  const { gpus } = run.resources;
  if (gpus > trainers.gpusPerRank) {
    complaints.push({
      field: 'run.resources.gpus',
      message: `expected at most ${trainers.gpusPerRank}, but got ${gpus}: a rank of these trainers uses ${counted(trainers.gpusPerRank, 'GPU')}; take more run.ranks of one GPU each`,
    });
  }
  const mostRanks = trainers.mostRanks[kind] ?? Number.POSITIVE_INFINITY;
  if (run.ranks > mostRanks) {
    complaints.push({
      field: 'run.ranks',
      message: `expected at most ${mostRanks}, but got ${run.ranks}: these trainers run ${kind} on ${counted(mostRanks, 'rank')}`,
    });
  }
  if (architecture !== null && !trainers.shardsThePolicy) {
    const why = `each rank holds the whole policy and its optimizer (nothing is sharded yet)`;
    complaints.push(...memoryComplaints(run.resources, architecture, trainers.stateBytesPerParameter, why));
  }
  return complaints;
}

function serverComplaints(
  { config: { run } }: EngineAsk,
  server: Engines['embeddedServer'],
  architecture: Architecture | null,
): Complaint[] {
  const complaints: Complaint[] = [];
  const { gpus } = run.resources;
  const instead = 'set run.policyServer.engine: vllm, which runs on Kubernetes';
  if (gpus > server.gpus) {
    complaints.push({
      field: 'run.resources.gpus',
      message: `expected at most ${server.gpus}, but got ${gpus}: the embedded policy server uses ${counted(server.gpus, 'GPU')}; take more run.shards, or ${instead}`,
    });
  }
  for (const name of server.ignores) {
    const value = run.policyServer[name as keyof typeof run.policyServer];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    complaints.push({
      field: `run.policyServer.${name}`,
      message: `expected nothing, as the embedded policy server does not take it; leave it out, or ${instead}`,
    });
  }
  if (architecture !== null) {
    const why = `the embedded policy server loads all weights on one GPU`;
    complaints.push(...memoryComplaints(run.resources, architecture, server.weightBytesPerParameter, why));
  }
  return complaints;
}

/** A model that cannot fit, whatever else is in memory: its state alone is larger than the GPU (without one, than the pod's memory). */
function memoryComplaints(
  { gpus, gpuMemoryGiB, memoryGiB }: EngineAsk['config']['run']['resources'],
  architecture: Architecture,
  bytesPerParameter: number,
  why: string,
): Complaint[] {
  const parameters = parametersOf(architecture);
  const neededGiB = (parameters * bytesPerParameter) / 2 ** 30;
  const limitGiB = gpus > 0 ? (gpuMemoryGiB ?? LARGEST_GPU_GIB) : memoryGiB;
  if (limitGiB === undefined || neededGiB <= limitGiB) return [];
  const most = ((limitGiB * 2 ** 30) / bytesPerParameter / 1e9).toPrecision(2);
  const field = gpus === 0 ? 'memoryGiB' : gpuMemoryGiB === undefined ? 'gpus' : 'gpuMemoryGiB';
  return [
    {
      field: `run.resources.${field}`,
      message: `expected room for ${Math.ceil(neededGiB).toLocaleString('en')} GiB (${bytesPerParameter} bytes for each of ${(parameters / 1e9).toPrecision(3)} billion parameters), but got ${limitGiB} GiB: ${why}; a policy of at most ${most} billion parameters fits`,
    },
  ];
}

const LARGEST_GPU_GIB = Math.max(...Object.values(GPUS).map(({ memoryGiB }) => memoryGiB));
const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
