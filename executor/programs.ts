import { IS_TRAINER, type StageFile, USES_POLICY_SERVER } from '../spec/index.ts';
import { dataDir, stageDir } from '../store/layout.ts';
import type { Program } from './job.ts';

/** The fields of a stage that decide its programs. */
type Stage = Pick<StageFile, 'kind' | 'config' | 'inputs' | 'policy'>;

/**
 * Programs of the pods of a stage. TypeScript stages share one entry, which reads the stage file; trainers are Python
 * modules.
 */
export function programsOf(stage: Stage): { main: Program; policyServer: Program | null } {
  const { kind } = stage;
  const { image } = stage.config.run;
  return {
    main: IS_TRAINER.has(kind)
      ? { runtime: 'python', args: ['-m', `orrery_trainers.training.${kind}`], image }
      : { runtime: 'node', args: ['stages/main.ts'], image },
    policyServer: USES_POLICY_SERVER.has(kind) ? policyServerOf(stage) : null,
  };
}

function policyServerOf({ config, inputs, policy }: Stage): Program {
  const { policyServer, resources } = config.run;
  const { engine, image, tensorParallel, contextTokens, args } = policyServer;
  if (engine === 'embedded') return { runtime: 'python', args: ['-m', 'orrery_trainers.serving.policy_server'], image };
  return {
    runtime: 'vllm',
    args: [
      '--served-model-name',
      policy.name,
      '--tensor-parallel-size',
      String(tensorParallel ?? Math.max(1, resources.gpus)),
      ...(contextTokens === undefined ? [] : ['--max-model-len', String(contextTokens)]),
      ...args,
    ],
    image,
    model: modelOf({ inputs, policy }),
  };
}

/**
 * Folder of the policy that a stage samples: the output of an earlier stage in the store, or weights that the campaign
 * names.
 */
function modelOf({ inputs, policy }: Pick<Stage, 'inputs' | 'policy'>): string {
  const trained = inputs.policy;
  if (trained !== undefined) return `${dataDir(stageDir('', trained.key))}/policy`;
  return policy.type === 'pretrained' ? policy.uri : '';
}
