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
 * Capabilities of the programs of this version, from `spec/engines/capabilities.json`. The Python programs read the
 * same file, so they refuse the same settings. A simulation of other programs passes its own capabilities.
 */
export interface Engines {
  readonly trainers: {
    /** Number of GPUs that one rank can use. */
    readonly gpusPerRank: number;
    /** Whether the policy and its optimizer are sharded over the ranks (FSDP). If not, each rank holds all of it. */
    readonly shardsThePolicy: boolean;
    /** Bytes per parameter of weights, gradients and AdamW moments in fp32. */
    readonly stateBytesPerParameter: number;
    /** Maximum number of ranks by kind of stage; no limit for other kinds. */
    readonly mostRanks: Readonly<Record<string, number>>;
  };
  readonly embeddedServer: {
    /** Number of GPUs that it can use. */
    readonly gpus: number;
    /** Minimum bytes per weight. */
    readonly weightBytesPerParameter: number;
    /** Fields of `run.policyServer` that only vLLM supports. */
    readonly ignores: readonly string[];
  };
}
export const ENGINES: Engines = capabilities;

/** The part of a stage that determines whether the programs can run it. */
export type EngineInput = Pick<StageFile, 'kind' | 'config' | 'policy'>;

/**
 * The settings of a campaign that the programs of this version do not support, and what would run. Stages after `until`
 * are not checked. Pure.
 * @param architecture - architecture of the campaign's policy; null if unknown, in which case memory is not checked
 */
export function unsupportedIn(
  spec: CampaignSpec,
  engines: Engines = ENGINES,
  architecture: Architecture | null = knownArchitecture(spec),
): Complaint[] {
  const kinds = [...new Set(planCampaign(spec).map(({ kind }) => kind))];
  const refused = kinds.flatMap((kind) => {
    const input = { kind, config: spec.stages[kind], policy: spec.policy } as EngineInput;
    const complaints = stageComplaints(input, engines, architecture);
    return complaints.map(({ field, message }) => ({ kind, field: `stages.${kind}.${field}`, message }));
  });
  // The last complaint about the first stage that cannot run also says which stages can run.
  const last = refused.findLastIndex(({ kind }) => kind === refused[0]?.kind);
  return [
    ...policyComplaints(spec),
    ...refused.map(({ kind, field, message }, index) => ({
      field,
      message: index === last ? message + whatRuns(kind) : message,
    })),
  ];
}

/** Names the last stage that can run if the trainer of `kind` cannot. */
function whatRuns(kind: StageKind): string {
  const before = kind === 'sft' ? 'rewrite' : kind === 'rl' ? 'curriculum' : null;
  return before === null ? '' : `. The stages before ${kind} can run: set until: ${before}`;
}

/**
 * Refuses a stage that the programs of this version cannot run. It is called before the stage is claimed.
 * @throws InvalidInputError that names every unsupported field
 */
export function refuseUnsupportedStage(stage: EngineInput & Pick<StageFile, 'name'>, engines: Engines = ENGINES): void {
  const architecture = stage.policy.type === 'pretrained' ? publishedArchitecture(stage.policy.name) : null;
  const complaints = stageComplaints(stage, engines, architecture);
  if (complaints.length > 0) throw new InvalidInputError(`stage ${stage.name}`, complaints);
}

/** The architecture of the policy according to the spec; null if the spec does not determine it. */
function knownArchitecture({ policy, stages }: CampaignSpec): Architecture | null {
  return policy.type === 'pretrain'
    ? pretrainedArchitecture(stages.pretrain.model)
    : publishedArchitecture(policy.name);
}

function policyComplaints({ policy }: CampaignSpec): Complaint[] {
  if (policy.type === 'pretrain' || !/^[a-z][a-z0-9+.-]*:/i.test(policy.uri)) return [];
  const message = `expected the path of a folder in the pods, but got an address; weights are not fetched`;
  return [{ field: 'policy.uri', message }];
}

/** Complaints about one stage. Their fields are relative to the settings of the stage. */
function stageComplaints(input: EngineInput, engines: Engines, architecture: Architecture | null): Complaint[] {
  if (IS_TRAINER.has(input.kind)) return trainerComplaints(input, engines.trainers, architecture);
  if (!USES_POLICY_SERVER.has(input.kind)) return [];
  return input.config.run.policyServer.engine === 'embedded'
    ? serverComplaints(input, engines.embeddedServer, architecture)
    : vllmComplaints(input, architecture);
}

/** Arguments with which vLLM allows a longer context than that of the model. */
const STRETCHES_CONTEXT = /^--(rope|hf)[-_]/;

/** Settings that vLLM would refuse at its start, when the machines are already paid for. */
function vllmComplaints({ config: { run } }: EngineInput, architecture: Architecture | null): Complaint[] {
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
  { kind, config: { run } }: EngineInput,
  trainers: Engines['trainers'],
  architecture: Architecture | null,
): Complaint[] {
  const complaints: Complaint[] = [];
  const { gpus } = run.resources;
  if (gpus > trainers.gpusPerRank) {
    complaints.push({
      field: 'run.resources.gpus',
      message: `expected at most ${trainers.gpusPerRank}, but got ${gpus}: a rank of these trainers uses ${plural(trainers.gpusPerRank, 'GPU')}; set more run.ranks with one GPU each`,
    });
  }
  const mostRanks = trainers.mostRanks[kind] ?? Number.POSITIVE_INFINITY;
  if (run.ranks > mostRanks) {
    complaints.push({
      field: 'run.ranks',
      message: `expected at most ${mostRanks}, but got ${run.ranks}: the trainer of ${kind} runs on ${plural(mostRanks, 'rank')}`,
    });
  }
  if (architecture !== null && !trainers.shardsThePolicy) {
    const why = `each rank holds the whole policy and its optimizer, because sharding is not supported yet`;
    complaints.push(...memoryComplaints(run.resources, architecture, trainers.stateBytesPerParameter, why));
  }
  return complaints;
}

function serverComplaints(
  { config: { run } }: EngineInput,
  server: Engines['embeddedServer'],
  architecture: Architecture | null,
): Complaint[] {
  const complaints: Complaint[] = [];
  const { gpus } = run.resources;
  const instead = 'set run.policyServer.engine: vllm, which runs on Kubernetes';
  if (gpus > server.gpus) {
    complaints.push({
      field: 'run.resources.gpus',
      message: `expected at most ${server.gpus}, but got ${gpus}: the embedded policy server uses ${plural(server.gpus, 'GPU')}; set more run.shards, or ${instead}`,
    });
  }
  for (const name of server.ignores) {
    const value = run.policyServer[name as keyof typeof run.policyServer];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    complaints.push({
      field: `run.policyServer.${name}`,
      message: `expected nothing, because the embedded policy server does not support it; remove it, or ${instead}`,
    });
  }
  if (architecture !== null) {
    const why = `the embedded policy server loads all weights on one GPU`;
    complaints.push(...memoryComplaints(run.resources, architecture, server.weightBytesPerParameter, why));
  }
  return complaints;
}

/** Complains if the state of the model alone is larger than the memory of the GPU, or of the pod if it has no GPU. */
function memoryComplaints(
  { gpus, gpuMemoryGiB, memoryGiB }: EngineInput['config']['run']['resources'],
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
      message: `expected at least ${Math.ceil(neededGiB).toLocaleString('en')} GiB (${bytesPerParameter} bytes for each of ${(parameters / 1e9).toPrecision(3)} billion parameters), but got ${limitGiB} GiB: ${why}; a policy of at most ${most} billion parameters fits`,
    },
  ];
}

const LARGEST_GPU_GIB = Math.max(...Object.values(GPUS).map(({ memoryGiB }) => memoryGiB));
const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
