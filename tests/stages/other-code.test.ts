import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, test } from 'vitest';
import { programsOf } from '../../executor/index.ts';
import { FAILURES, type StageKind } from '../../spec/index.ts';
import { PROJECT } from '../../stages/runtime/python.ts';
import { sourcesOfStage } from '../../store/code-version.ts';
import { type StageSources, versionOf, writeSources } from '../../store/sources.ts';
import { PYTHON, TEST_DOMAINS } from '../support/stage-process.ts';
import { aStageFile, plannedStage, type StageSketch } from '../support/stored-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

process.env.ORRERY_DOMAINS = TEST_DOMAINS;

const SFT = {
  epochs: 1,
  optimizerSteps: 1,
  batchSize: 1,
  microBatchSize: 1,
  learningRate: 1e-3,
  warmupSteps: 0,
  maxTokens: 64,
  checkpoints: { everySteps: 1, keep: { last: 1, best: 0 } },
};

/** A program of a pod, and a source that it loads. */
interface Case {
  readonly program: 'main' | 'policyServer';
  readonly kind: StageKind;
  readonly config: Record<string, unknown>;
  readonly command: readonly [string, ...string[]];
  readonly source: string;
}
const python = (module: string): Case['command'] => [PYTHON, '-m', `orrery_trainers.${module}`];
const PROGRAMS: readonly Case[] = [
  {
    program: 'main',
    kind: 'linearise',
    config: {},
    command: [process.execPath, 'stages/main.ts'],
    source: 'stages/main.ts',
  },
  {
    program: 'main',
    kind: 'sft',
    config: SFT,
    command: python('training.sft'),
    source: 'spec/engines/capabilities.json',
  },
  {
    program: 'policyServer',
    kind: 'linearise',
    config: {},
    command: python('serving.policy_server'),
    source: 'trainers/requirements.txt',
  },
];

let store: string;
beforeEach(async () => {
  store = await temporaryFolder();
});

function sourcesOf(kind: StageKind, config: StageSketch['config']): StageSources {
  const stage = aStageFile({ kind, ...(config && { config }) });
  return sourcesOfStage(programsOf(stage), { kind, projectRoot: PROJECT, domain: 'sums' });
}

/** Runs a program of a stage that was planned with these sources; null omits their list. */
async function run(
  { kind, config, command: [command, ...args] }: Case,
  planned: StageSources,
  listed: StageSources | null = planned,
): Promise<{ code: number; message: string }> {
  const { path, dir } = await plannedStage(store, { kind, config, codeVersion: versionOf(planned) });
  if (listed !== null) await writeSources(dir, listed);
  const env = {
    ...process.env,
    ORRERY_STAGE_FILE: path,
    ORRERY_STORE: store,
    ORRERY_ATTEMPT: '0',
    ORRERY_POLICY_PORT: '0',
    ORRERY_DOMAINS: TEST_DOMAINS,
    PYTHONPATH: join(PROJECT, 'trainers'),
  };
  const ended = promisify(execFile)(command, args, { cwd: PROJECT, env });
  return await ended.then(
    () => ({ code: 0, message: '' }),
    ({ code, stderr }) => ({ code, message: String(stderr).trim().split('\n').at(-1)! }),
  );
}

describe.each(PROGRAMS)('$command.1 $command.2 of $kind', (program) => {
  const found = sourcesOf(program.kind, program.config);
  const changed = (name: string): StageSources => ({
    ...found,
    [program.program]: { ...found[program.program], [name]: '0'.repeat(64) },
  });

  test('ends with InvalidInput when the worker has another source, and names both versions and what to do', async () => {
    const planned = changed(program.source);
    const { code, message } = await run(program, planned);
    expect(code).toBe(FAILURES.InvalidInput.exitCode);
    expect(message).toContain(`expected the code version ${versionOf(planned)}, which the worker has`);
    expect(message).toContain(`the code of this pod is ${versionOf(found)}: ${program.source} differ`);
    expect(message).toContain('then retry the stage');
  });

  test('names a source that is missing', async () => {
    const { code, message } = await run(program, changed('stages/gone.ts'));
    expect(code).toBe(FAILURES.InvalidInput.exitCode);
    expect(message).toContain('stages/gone.ts (missing) differ');
  });

  test.each([
    ['is missing', null],
    ['is of other sources', changed(program.source)],
  ])('waits for the next attempt when the list %s', async (_, listed) => {
    const { code, message } = await run(program, found, listed);
    expect(code).toBe(FAILURES.DependencyDown.exitCode);
    expect(message).toContain('sources.json is damaged');
  });

  test('says nothing of code when the sources are those of the worker', async () => {
    // It ends at the first input, which it lacks.
    const { code, message } = await run(program, found);
    expect(code).toBe(FAILURES.InvalidInput.exitCode);
    expect(message).toMatch(/input|solutions|policy/);
    expect(message).not.toContain('code version');
  });
});
