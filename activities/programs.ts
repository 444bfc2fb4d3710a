import { IS_TRAINER, type Program, type StageKind, USES_POLICY_SERVER } from '../spec/index.ts';

/** Programs of a stage’s pods. TypeScript stages share one entry that looks at the stage file; trainers are Python modules. */
export function programsOf(kind: StageKind): { main: Program; policyServer: Program | null } {
  return {
    main: IS_TRAINER.has(kind)
      ? { runtime: 'python', args: ['-m', `orrery_trainers.${kind}`] }
      : { runtime: 'node', args: ['stages/main.ts'] },
    policyServer: USES_POLICY_SERVER.has(kind)
      ? { runtime: 'python', args: ['-m', 'orrery_trainers.policy_server'] }
      : null,
  };
}
