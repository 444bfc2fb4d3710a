import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { type ManifestRef, PartManifest, Progress } from '../../spec/index.ts';
import { type FindProgram, isMine, runStage, StageExit, type StageProgram } from '../../stages/runtime/run.ts';
import { claimAfter, readJson } from '../../store/index.ts';
import { startFakePolicyServer } from '../support/fake-policy-server.ts';
import { startStage, TEST_DOMAINS } from '../support/stage-process.ts';
import { finishedStage, plannedStage, type StageSketch } from '../support/stored-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const DATA = { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 };

/** Runs `program` as the stage that `sketch` describes. */
async function runHere(
  program: StageProgram<'curriculum'>,
  sketch: Partial<StageSketch> = {},
  at: { store?: string; attempt?: number } = {},
) {
  const store = at.store ?? (await temporaryFolder());
  const { path, dir } = await plannedStage(store, { kind: 'curriculum', ...sketch });
  const env = {
    ORRERY_STAGE_FILE: path,
    ORRERY_STORE: store,
    ORRERY_ATTEMPT: `${at.attempt ?? 0}`,
    ORRERY_LOG_LEVEL: 'silent',
  };
  const ending = await runStage((async () => program) as unknown as FindProgram, env);
  return { ending, dir, store };
}

const part = (dir: string) => readJson(join(dir, 'parts/00000.json'), PartManifest);
const writes: StageProgram<'curriculum'> = async ({ dir }) => {
  await writeFile(join(dir, 'out.txt'), 'hello');
  return { files: ['out.txt'], counts: { lines: 1 } };
};

beforeEach(() => {
  process.env.ORRERY_DOMAINS = TEST_DOMAINS;
});

describe('a part', () => {
  test('is published with the hash and the size of every file', async () => {
    const { ending, dir } = await runHere(writes);
    expect(ending.exitCode).toBe(0);
    expect(await part(dir)).toMatchObject({
      part: 0,
      attempt: 0,
      counts: { lines: 1 },
      files: [
        { path: 'out.txt', bytes: 5, sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' },
      ],
    });
  });

  test('that is published already does not run again', async () => {
    const { dir, store } = await runHere(writes);
    const { ending } = await runHere(() => expect.fail('was run'), {}, { store, attempt: 1 });
    expect(ending).toEqual({ exitCode: 0, message: 'this part is published already' });
    expect((await part(dir)).attempt).toBe(0);
  });

  test.each([
    { name: 'was changed', change: (dir: string) => writeFile(join(dir, 'out.txt'), 'HELLO') },
    { name: 'is missing', change: (dir: string) => rm(join(dir, 'out.txt')) },
    { name: 'is cut', change: (dir: string) => writeFile(join(dir, 'out.txt'), 'hel') },
    {
      name: 'is listed in a manifest that is cut',
      change: (dir: string) => truncate(join(dir, 'parts/00000.json'), 40),
    },
  ])('whose file $name is made again', async ({ change }) => {
    const { dir, store } = await runHere(writes);
    await change(dir);
    const { ending } = await runHere(writes, {}, { store, attempt: 1 });
    expect(ending).toEqual({ exitCode: 0, message: 'published' });
    expect(await part(dir)).toMatchObject({ attempt: 1, files: [{ path: 'out.txt', bytes: 5 }] });
    expect(await readFile(join(dir, 'out.txt'), 'utf8')).toBe('hello');
  });

  test.each([
    ['with a cut line', '{"id":1}\n{"id":', 2, /not published: .*data\/pass-rates-00000\.jsonl:2: expected one JSON/],
    [
      'with fewer records than its counts say',
      '{"id":1}\n',
      2,
      /expected 2 records \(candidates\), but it has 1; not published/,
    ],
    ['that does not exist', null, 0, /not published: .*expected a JSONL file, but there is none/],
  ])('with a file %s is not published, and the attempt crashes', async (_, text, candidates, message) => {
    const { ending, dir } = await runHere(async (context) => {
      await mkdir(join(context.dir, 'data'), { recursive: true });
      if (text !== null) await writeFile(join(context.dir, 'data/pass-rates-00000.jsonl'), text);
      return { files: ['data/pass-rates-00000.jsonl'], counts: { candidates } };
    });
    expect(ending).toMatchObject({ exitCode: 1, message: expect.stringMatching(message) });
    expect(existsSync(join(dir, 'parts/00000.json'))).toBe(false);
  });

  test('is not published by a replaced attempt', async () => {
    const { ending, dir } = await runHere(async (context) => {
      for (const after of [null, 0]) await claimAfter(context.dir, after, 'test', `after ${after}`);
      return await writes(context);
    });
    expect(ending).toMatchObject({ exitCode: 75, message: expect.stringMatching(/a later attempt than 0 has begun/) });
    await expect(part(dir)).rejects.toThrow('ENOENT');
  });

  test('belongs to exactly one pod, and the pods divide the items', () => {
    const mine = (pod: number) => [0, 1, 2, 3, 4, 5, 6].filter((index) => isMine(index, { part: pod, parts: 3 }));
    expect([mine(0), mine(1), mine(2)]).toEqual([
      [0, 3, 6],
      [1, 4],
      [2, 5],
    ]);
  });
});

describe('progress', () => {
  test('is in the store when the program has ended', async () => {
    const { dir } = await runHere(async (context) => {
      context.report({ unit: 'problem', done: 3, total: 4, metrics: { right: 0.5 } });
      return await writes(context);
    });
    const progress = await readJson(join(dir, 'progress/00000.json'), Progress);
    expect(progress).toMatchObject({ attempt: 0, unit: 'problem', done: 3, total: 4, metrics: { right: 0.5 } });
  });

  test('stops a replaced attempt', async () => {
    const { ending, dir } = await runHere(async ({ dir, report, signal }) => {
      for (const after of [null, 0]) await claimAfter(dir, after, 'test', `after ${after}`);
      report({ unit: 'problem', done: 1, total: 4 });
      await sleep(5_000, undefined, { signal });
      return expect.fail('was not stopped');
    });
    expect(ending.exitCode).toBe(75);
    await expect(readFile(join(dir, 'progress/00000.json'))).rejects.toThrow('ENOENT');
  });
});

describe('an input', () => {
  /** Runs a curriculum whose input was changed by `change`, and reads its prompts. */
  async function reading(change: (dir: string) => Promise<void>, role = 'prompts', ref: Partial<ManifestRef> = {}) {
    const store = await temporaryFolder();
    const prompts = await finishedStage(store, { kind: 'prepare', data: DATA }, { 'curriculum.jsonl': [{ a: 1 }] });
    await change(join(store, 'stages', prompts.key));
    let files: string[] = [];
    const program: StageProgram<'curriculum'> = async (context) => {
      files = context.inputFiles(role, 'curriculum.jsonl');
      return await writes(context);
    };
    const { ending } = await runHere(program, { inputs: { prompts: { ...prompts, ...ref } } }, { store });
    return { ending, files, folder: join(store, 'stages', prompts.key) };
  }

  test('is found by its role when it is whole', async () => {
    const { ending, files, folder } = await reading(async () => {});
    expect(ending.exitCode).toBe(0);
    expect(files).toEqual([join(folder, 'data/curriculum.jsonl')]);
  });

  test('that was changed is refused', async () => {
    const { ending } = await reading((dir) => writeFile(join(dir, 'data/curriculum.jsonl'), '{}'));
    expect(ending).toMatchObject({
      exitCode: 65,
      message: expect.stringMatching(/curriculum.jsonl: expected sha256 .* but it is/),
    });
  });

  test('whose manifest is of another result than the stage was planned with is refused', async () => {
    const { ending } = await reading(async () => {}, 'prompts', { digest: 'f'.repeat(64) });
    expect(ending).toMatchObject({
      exitCode: 65,
      message: expect.stringMatching(/expected the result with digest ffff/),
    });
  });

  test('of a role that the stage does not have is refused', async () => {
    const { ending } = await reading(async () => {}, 'trees');
    expect(ending).toMatchObject({
      exitCode: 65,
      message: 'test/curriculum: expected an input of role "trees", but it has prompts',
    });
  });
});

describe('invalid input is refused before the program starts', () => {
  test('naming every wrong variable of the environment', async () => {
    const ending = await runStage(async () => expect.fail('was run'), {
      ORRERY_ATTEMPT: 'one',
      ORRERY_LOG_LEVEL: 'silent',
    });
    expect(ending.exitCode).toBe(65);
    expect(ending.message).toMatch(
      /ORRERY_STAGE_FILE: .*ORRERY_STORE: .*ORRERY_ATTEMPT: expected a whole number from 0, but got "one"/,
    );
  });

  test('naming the field of the stage file', async () => {
    const store = await temporaryFolder();
    const { path, stage } = await plannedStage(store, { kind: 'curriculum' });
    await writeFile(path, JSON.stringify({ ...stage, config: { ...stage.config, samplesPerPrompt: 'many' } }));
    const end = await startStage(path, { store }).ended;
    expect(end.code).toBe(65);
    expect(end.stderr.trim().split('\n').at(-1)).toMatch(
      /stage.json is not valid: config.samplesPerPrompt: expected number, but got "many"/,
    );
  });

  test('naming a setting that the domain does not have', async () => {
    const { ending } = await runHere(writes, { domain: { name: 'sums', settings: { smallest: 1 } } });
    expect(ending).toMatchObject({ exitCode: 65, message: expect.stringMatching(/smallest: no such field/) });
  });

  test('naming the number of shards, when the pod is beyond them', async () => {
    const store = await temporaryFolder();
    const { path } = await plannedStage(store, { kind: 'curriculum' });
    const end = await startStage(path, { store, part: 1 }).ended;
    expect(end).toMatchObject({ code: 65, stderr: expect.stringMatching(/below config.run.shards \(1\), but got 1/) });
  });
});

describe('the exit code', () => {
  test('is 75 whatever fails in a replaced attempt', async () => {
    const { ending } = await runHere(async ({ dir }) => {
      for (const after of [null, 0]) await claimAfter(dir, after, 'test', `after ${after}`);
      throw new StageExit('DependencyDown', 'its policy server is gone');
    });
    expect(ending).toMatchObject({ exitCode: 75, message: expect.stringMatching(/a later attempt than 0 has begun/) });
  });

  test('is 69 whatever file is missing together with the whole store', async () => {
    const { ending } = await runHere(async ({ dir }) => {
      await rename(dir, `${dir}-elsewhere`);
      throw new StageExit('InvalidInput', 'expected a finished stage, but its manifest is not there');
    });
    expect(ending).toMatchObject({
      exitCode: 69,
      message: expect.stringMatching(/the store is gone: .*is it mounted/),
    });
  });

  test('is 1 after an unexpected error', async () => {
    const { ending } = await runHere(() => Promise.reject(new TypeError('oops')));
    expect(ending).toEqual({ exitCode: 1, message: 'unexpected error: TypeError: oops' });
  });

  test('is 143 after SIGTERM, however often it comes', async () => {
    const { ending } = await runHere(async ({ signal }) => {
      for (const _ of [1, 2]) process.emit('SIGTERM');
      expect(process.listenerCount('SIGTERM')).toBeGreaterThan(0); // the second signal must not interrupt the saving
      signal.throwIfAborted();
      return expect.fail('was not stopped');
    });
    expect(ending.exitCode).toBe(143);
  });

  test('is 143 after SIGTERM, whatever the program throws then', async () => {
    const { ending } = await runHere(async ({ signal }) => {
      process.emit('SIGTERM');
      expect(signal.aborted).toBe(true);
      throw new StageExit('DependencyDown', 'the server stopped first');
    });
    expect(ending).toMatchObject({ exitCode: 143, message: expect.stringMatching(/stopped by SIGTERM/) });
  });
});

describe('the process', () => {
  async function aCurriculum(store: string) {
    const problem = { id: 'p', problem: '1 + 1 =', reference: '2', source: 'sums' };
    const prompts = await finishedStage(store, { kind: 'prepare', data: DATA }, { 'curriculum.jsonl': [problem] });
    return await plannedStage(store, { kind: 'curriculum', inputs: { prompts } });
  }

  test('exits with 143 and a message on SIGTERM, and publishes no part', async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const store = await temporaryFolder();
    const { path, dir } = await aCurriculum(store);
    const run = startStage(path, { store, policyUrl: server.url });
    server.beforeAnswer = () => {
      run.child.kill('SIGTERM');
      return new Promise(() => {});
    };
    expect(await run.ended).toMatchObject({
      code: 143,
      stderr: 'stopped by SIGTERM; what was done is kept in the journal\n',
    });
    await expect(part(dir)).rejects.toThrow('ENOENT');
  });

  test('exits with 65 for a kind without a TypeScript program', async () => {
    const store = await temporaryFolder();
    const { path } = await plannedStage(store, { kind: 'sft' });
    expect(await startStage(path, { store }).ended).toMatchObject({
      code: 65,
      stderr: expect.stringMatching(/sft, which is a Python trainer/),
    });
  });
});

test.runIf(existsSync('/dev/full'))(
  'a full log disk does not stop the stage, and the exit code still says how it ended',
  async () => {
    await using server = await startFakePolicyServer(() => 'Answer: 2');
    const store = await temporaryFolder();
    const problem = { id: 'p', problem: '1 + 1 =', reference: '2', source: 'sums' };
    const prompts = await finishedStage(store, { kind: 'prepare', data: DATA }, { 'curriculum.jsonl': [problem] });
    const { path, dir } = await plannedStage(store, { kind: 'curriculum', inputs: { prompts } });
    // Every write fails as on a full disk.
    const run = () => startStage(path, { store, policyUrl: server.url, logFile: '/dev/full' }).ended;
    expect(await run()).toMatchObject({ code: 0 });
    expect((await part(dir)).attempt).toBe(0);

    await writeFile(path, '{}');
    expect(await run()).toMatchObject({ code: 65 });
  },
);
