import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { z } from 'zod';
import { dataFileDigests } from '../../../inputs/index.ts';
import { type Data, DataCard, FILES, Problem, ProblemFile } from '../../../spec/index.ts';
import { readAllJsonl } from '../../../stages/io/jsonl.ts';
import { type Generate, generateSets } from '../../../stages/prepare/generated.ts';
import { openSource } from '../../../stages/prepare/open-source.ts';
import { type ReadContext, readSet } from '../../../stages/prepare/read-files.ts';
import { StageExit } from '../../../stages/runtime/exits.ts';
import { sha256 } from '../../../store/index.ts';
import { startHttps, testAuthority } from '../../support/https-server.ts';
import { rulesFor } from '../../support/input-rules.ts';
import { startStage } from '../../support/stage-process.ts';
import { plannedStage } from '../../support/stored-stage.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const aProblem = (problem: string, source = 'set'): Problem => ({
  id: `${source}/${problem}`,
  problem,
  reference: '1',
  source,
});
const aReadContext = (changes: Partial<ReadContext>): ReadContext => ({
  seed: 1,
  cache: '/nowhere',
  log: pino({ level: 'silent' }),
  report: () => {},
  planned: {},
  rules: rulesFor([], { hosts: new Set(['127.0.0.1']) }),
  signal: new AbortController().signal,
  ...changes,
});

describe('generated sets', () => {
  const data = { type: 'generated', searchProblems: 3, curriculumPrompts: 2, benchmarkProblems: 1 } as const;
  /** A domain of `size` problems that are not held out. */
  const aDomain = (size: number): { generate: Generate; orders: number[] } => {
    const orders: number[] = [];
    const generate: Generate = async ({ count, heldOut }) => {
      orders.push(count);
      if (!heldOut && count > size) throw new StageExit('InvalidInput', `it has ${size} problems`);
      return Array.from({ length: count }, (_, index) => aProblem(`${heldOut ? 'held ' : ''}${index}`, 'sums'));
    };
    return { generate, orders };
  };

  test('have no problem in common when the domain has enough', async () => {
    const { search, curriculum, benchmarks } = await generateSets(data, 1, aDomain(5).generate);
    expect(search.map(({ problem }) => problem)).toEqual(['0', '1', '2']);
    expect(curriculum.map(({ problem }) => problem)).toEqual(['3', '4']);
    expect(benchmarks).toMatchObject([{ problem: 'held 0', source: 'held-out' }]);
  });

  test('overlap when the domain is too small for both', async () => {
    const { search, curriculum } = await generateSets(data, 1, aDomain(4).generate);
    expect([search.length, curriculum.length]).toEqual([3, 2]);
  });

  test('are refused with the message of the domain when it is too small even for that', async () => {
    await expect(generateSets(data, 1, aDomain(2).generate)).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: 'it has 2 problems',
    });
  });
});

describe('a set of files', () => {
  async function aSet(lines: readonly string[], changes: Partial<z.input<typeof ProblemFile>> = {}, seed = 1) {
    const path = join(await temporaryFolder(), 'set.jsonl');
    await writeFile(path, lines.join('\n'));
    const file = ProblemFile.parse({ name: 'amc', path, fields: { problem: 'question' }, ...changes });
    const planned = { [path]: sha256(lines.join('\n')) };
    return { path, set: readSet('search', [file], aReadContext({ seed, planned })) };
  }
  const GOOD = ['{"question":"a","answer":"1"}', '{"question":"b","answer":2,"level":"Level 5"}'];

  test('gives its problems with the name of the file as source, answers as text, and their level', async () => {
    const { candidates, setAside } = await (await aSet(GOOD)).set;
    expect(candidates.toSorted((a, b) => (a.problem < b.problem ? -1 : 1))).toMatchObject([
      { problem: 'a', reference: '1', source: 'amc', at: 'line 1' },
      { problem: 'b', reference: '2', source: 'amc', level: '5', at: 'line 2' },
    ]);
    expect(setAside).toEqual([]);
  });

  test('sets bad records aside, each with its line and the reason', async () => {
    const { candidates, setAside, steps } = await (
      await aSet(['{"question":"c"}', ...GOOD, '[]', '{"question":"d","answer":"proof"}'])
    ).set;
    expect(candidates).toHaveLength(2);
    expect(setAside).toMatchObject([
      { file: 'set.jsonl', at: 'line 1', reason: 'bad-record', detail: 'there is no "answer" and no "solution"' },
      { at: 'line 4', reason: 'bad-record', detail: 'there is no "question"' },
      { at: 'line 5', reason: 'no-answer', detail: '"proof" is no answer', problem: 'd' },
    ]);
    expect([steps.records.count, steps.problems.count, steps.answered.count]).toEqual([5, 3, 2]);
    expect(steps.answered.step('answered')).toEqual({
      step: 'answered',
      count: 2,
      bySource: { amc: 2 },
      byLevel: { '5': 1, none: 1 },
    });
  });

  test('sets aside the second record with the same id', async () => {
    const lines = ['{"question":"a","answer":"1","n":7}', '{"question":"b","answer":"1","n":7}'];
    const { candidates, setAside } = await (await aSet(lines, { fields: { problem: 'question', id: 'n' } })).set;
    expect(candidates.map(({ id }) => id)).toEqual(['amc/7']);
    expect(setAside).toMatchObject([{ at: 'line 2', detail: 'its id "7" is that of line 1 too' }]);
  });

  test('is refused with the line that is not JSON', async () => {
    const { path, set } = await aSet([...GOOD, 'question,answer']);
    await expect(set).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: `${path}:3: expected one JSON value on the line, but got question,answer`,
    });
  });

  test('is refused when no record has the fields, with the fault of the first', async () => {
    const { set } = await aSet(GOOD, { fields: { problem: 'text' } });
    await expect(set).rejects.toThrow(
      /none of its 2 records is one; of the first \(line 1\): there is no "text"; set the layout/,
    );
  });

  test('is cut to its limit after a shuffle by the seed', async () => {
    const many = Array.from({ length: 50 }, (_, index) => `{"question":"${index}","answer":"1"}`);
    const take = async (seed: number) =>
      (await (await aSet(many, { limit: 5 }, seed)).set).candidates.map(({ problem }) => problem);
    expect(await take(1)).toHaveLength(5);
    expect(await take(1)).toEqual(await take(1));
    expect(await take(1)).not.toEqual(await take(2));
  });
});

describe('a file that is elsewhere', () => {
  const CONTENT = '{"problem":"a","answer":"1"}\n';
  const SHA256 = sha256(CONTENT);

  async function aServer(
    answer: (response: ServerResponse) => void,
  ): Promise<{ address: string; asked: () => number }> {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      answer(response);
    }).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return { address: `http://127.0.0.1:${port}/sets/amc.jsonl`, asked: () => asked };
  }

  /** Reads an address as `prepare` does. */
  async function fetched(address: string, cache: string): Promise<string> {
    await using file = (await openSource({ path: address }, aReadContext({ cache, planned: { [address]: SHA256 } })))
      .file;
    return await text(file.stream());
  }

  test('is fetched once, and kept by its sha256', async () => {
    const { address, asked } = await aServer((response) => response.end(CONTENT));
    const cache = await temporaryFolder();
    expect(await fetched(address, cache)).toBe(CONTENT);
    expect(await fetched(address, cache)).toBe(CONTENT);
    expect(asked()).toBe(1);
    expect(await readdir(cache)).toEqual([`${SHA256.slice(0, 16)}-amc.jsonl`]);
  });

  test('is fetched again when its copy is damaged', async () => {
    const { address, asked } = await aServer((response) => response.end(CONTENT));
    const cache = await temporaryFolder();
    await writeFile(join(cache, `${SHA256.slice(0, 16)}-amc.jsonl`), 'half');
    expect(await fetched(address, cache)).toBe(CONTENT);
    expect(asked()).toBe(1);
  });

  test('is refused and not kept when its sha256 differs', async () => {
    const { address } = await aServer((response) => response.end('other'));
    const cache = await temporaryFolder();
    await expect(fetched(address, cache)).rejects.toMatchObject({ failure: 'InvalidInput' });
    expect(await readdir(cache)).toEqual([]);
  });

  test.each([
    ['is not there', (response: ServerResponse) => response.writeHead(404).end(), 'InvalidInput', /answered 404/],
    [
      'is behind a failing server',
      (response: ServerResponse) => response.writeHead(503).end(),
      'DependencyDown',
      /answered 503/,
    ],
    [
      'breaks off',
      (response: ServerResponse) =>
        response.writeHead(200, { 'content-length': '1000' }).end('half', () => response.destroy()),
      'DependencyDown',
      /broke off/,
    ],
  ])('that %s ends the stage', async (_, answer, failure, message) => {
    const { address } = await aServer(answer);
    const fetching = fetched(address, await temporaryFolder());
    await expect(fetching).rejects.toMatchObject({ failure, message: expect.stringMatching(message) });
  });
});

describe('a file of this machine', () => {
  test('may be named by a file address, and has the content that the stage was planned with', async () => {
    const path = join(await temporaryFolder(), 'amc.jsonl');
    await writeFile(path, 'one');
    const { href } = pathToFileURL(path);
    const planned = { [href]: sha256('one') };
    await using file = (await openSource({ path: href }, aReadContext({ planned }))).file;
    expect(await text(file.stream())).toBe('one');
    await writeFile(path, 'two');
    await expect(openSource({ path: href }, aReadContext({ planned }))).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(
        /as when the stage was planned, but the file has changed since; restore it, or retry/,
      ),
    });
  });

  test('is not read when the stage was planned without it', async () => {
    await expect(openSource({ path: '/etc/passwd' }, aReadContext({}))).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: '/etc/passwd: expected its sha256 in the stage file (dataFiles)',
    });
  });

  test('ends the stage with a message when it has become a FIFO since', async () => {
    const path = join(await temporaryFolder(), 'amc.jsonl');
    execFileSync('mkfifo', [path]);
    const planned = { [path]: sha256('one') };
    await expect(openSource({ path }, aReadContext({ planned }))).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: `${path}: expected a regular file, but it is a FIFO`,
    });
  });
});

describe('the program', () => {
  async function prepared(data: unknown, settings: Record<string, unknown> = {}, env: NodeJS.ProcessEnv = {}) {
    const store = await temporaryFolder();
    const dataFiles = await dataFileDigests(data as Data, rulesFor([tmpdir()], { hosts: new Set(['localhost']) }));
    const sketch = { kind: 'prepare', data, domain: { name: 'sums', settings } } as const;
    const { path, dir } = await plannedStage(store, { ...sketch, ...(dataFiles && { dataFiles }) });
    const end = await startStage(path, { store, env }).ended;
    const read = (name: string) => readAllJsonl([join(dir, 'data', name)], Problem);
    return { end, dir, read };
  }

  test('lets the domain generate three disjoint sets', async () => {
    const data = { type: 'generated', searchProblems: 20, curriculumPrompts: 10, benchmarkProblems: 5 };
    const { end, read, dir } = await prepared(data);
    expect(end).toMatchObject({ code: 0, stderr: '' });
    const sets = await Promise.all(Object.values(FILES.prepare).map(read));
    expect(sets.map(({ length }) => length)).toEqual([20, 10, 5]);
    expect(new Set(sets.flat().map(({ problem }) => problem)).size).toBe(35);
    const { counts } = JSON.parse(await readFile(join(dir, 'parts/00000.json'), 'utf8'));
    expect(counts).toMatchObject({ search: 20, curriculum: 10, benchmarks: 5, curriculumAlsoSearched: 0 });
  });

  test('ends with 65 and the message of a domain with too few problems', async () => {
    const data = { type: 'generated', searchProblems: 20, curriculumPrompts: 10, benchmarkProblems: 5 };
    const { end } = await prepared(data, { largest: 2 });
    expect(end).toMatchObject({ code: 65, stderr: expect.stringMatching(/expected at most 1 sums, but got 5; raise/) });
  });

  test('splits files into disjoint parts when a share is held back from the search', async () => {
    const folder = await temporaryFolder();
    const lines = (first: number, count: number) =>
      Array.from({ length: count }, (_, n) =>
        JSON.stringify({ problem: `add one to ${first + n}`, answer: first + n + 1 }),
      );
    await writeFile(join(folder, 'train.jsonl'), [...lines(100, 40), ...lines(100, 2)].join('\n'));
    await writeFile(join(folder, 'test.jsonl'), lines(138, 4).join('\n'));
    const { end, read, dir } = await prepared({
      type: 'files',
      heldBack: 0.25,
      curriculum: [],
      search: [{ name: 'train', path: join(folder, 'train.jsonl') }],
      benchmarks: [{ name: 'test', path: join(folder, 'test.jsonl') }],
    });
    expect(end).toMatchObject({ code: 0, stderr: '' });
    const [search, curriculum, benchmarks] = await Promise.all(Object.values(FILES.prepare).map(read));
    // 40 problems; 138 and 139 are in the benchmark, and a quarter of the rest is held back
    expect([search, curriculum, benchmarks].map((set) => set?.length)).toEqual([28, 10, 4]);
    expect(new Set([...search!, ...curriculum!].map(({ problem }) => problem)).size).toBe(38);
    const card = DataCard.parse(JSON.parse(await readFile(join(dir, 'data', FILES.dataCard.card), 'utf8')));
    expect(card.sets[0]?.steps.map(({ step, count }) => [step, count])).toEqual([
      ...[
        ['records', 42],
        ['problems', 42],
        ['answered', 42],
        ['limited', 42],
        ['judgeable', 42],
      ],
      ...[
        ['unequal', 40],
        ['unlike', 40],
        ['decontaminated', 38],
        ['kept', 28],
      ],
    ]);
    const { counts, files } = JSON.parse(await readFile(join(dir, 'parts/00000.json'), 'utf8'));
    expect(counts).toMatchObject({ search: 28, searchDuplicates: 2, searchInBenchmarks: 2, curriculumAlsoSearched: 0 });
    expect(files).toHaveLength(7);
  });

  test('ends with 73 when only benchmark problems are left, says what happened to them, and leaves the lists', async () => {
    const path = join(await temporaryFolder(), 'amc.jsonl');
    await writeFile(path, '{"problem":"1 + 1 =","answer":2}\n');
    const file = { name: 'amc', path };
    const { end, dir } = await prepared({ type: 'files', search: [file], curriculum: [], benchmarks: [file] });
    expect(end).toMatchObject({
      code: 73,
      stderr: expect.stringMatching(
        /expected problems for search and curriculum, but .* none is left \(searchInBenchmarks 1\)/,
      ),
    });
    expect(await readFile(join(dir, 'data/contamination.jsonl'), 'utf8')).toMatch(/amc/);
    await expect(readFile(join(dir, 'parts/00000.json'))).rejects.toThrow(/ENOENT/);
  });

  test('fetches over https with the headers and the authority of its environment, and logs neither', async () => {
    using authority = testAuthority();
    const content = Array.from({ length: 20 }, (_, n) => JSON.stringify({ problem: `add one to ${n}`, answer: n + 1 }));
    const text = content.join('\n');
    await using server = await startHttps(authority, (request, response) => {
      if (request.headers.authorization !== 'Bearer geheim') return void response.writeHead(401).end();
      response.end(text);
    });
    const path = `${server.origin}/train.jsonl`;
    const local = join(await temporaryFolder(), 'test.jsonl');
    await writeFile(local, '{"problem":"add one to 99","answer":100}');
    const data = {
      type: 'files',
      heldBack: 0.25,
      curriculum: [],
      search: [{ name: 'train', path, sha256: sha256(text) }],
      benchmarks: [{ name: 'test', path: local }],
    };
    const env = {
      NODE_EXTRA_CA_CERTS: authority.caFile,
      ORRERY_DATA_HOSTS: 'localhost',
      ORRERY_DATA_HEADERS: JSON.stringify({ [server.host]: { authorization: 'Bearer geheim' } }),
    };
    const { end, read } = await prepared(data, {}, env);
    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout).not.toContain('geheim');
    expect(await read(FILES.prepare.search)).toHaveLength(15);

    const refused = await prepared(data, {}, { ...env, ORRERY_DATA_HEADERS: '' });
    expect(refused.end).toMatchObject({ code: 65, stderr: expect.stringMatching(/answered 401.*ORRERY_DATA_HEADERS/) });
  });
});
