import { expect, test } from 'vitest';
import { InvalidCampaignFile, parseCampaign, readCampaignFile } from '../../cli/campaign-file.ts';
import type { CommandError } from '../../config/command-errors.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const VALID = `name: tiny
domain:
  name: countdown
policy:
  type: pretrain
data:
  type: generated
  searchProblems: 10
  curriculumPrompts: 10
  benchmarkProblems: 10
`;

async function complaintsAbout(text: string): Promise<string[]> {
  try {
    await parseCampaign(text, 'x.yaml');
    return [];
  } catch (error) {
    if (error instanceof InvalidCampaignFile) return error.message.split('\n');
    throw error;
  }
}

test('a valid file is returned as it was written, and with its defaults filled in', async () => {
  const { input, spec } = await parseCampaign(VALID, 'x.yaml');
  expect(input).not.toHaveProperty('arms');
  expect(spec.arms.map(({ name }) => name)).toEqual(['astro', 'direct']);
});

test('JSON is accepted too', async () => {
  const { input } = await parseCampaign(VALID, 'x.yaml');
  expect((await parseCampaign(JSON.stringify(input), 'x.json')).input).toEqual(input);
});

test('a wrong value is reported with its line, its path, the expected and the actual value', async () => {
  const text = `${VALID}stages:\n  search:\n    iterations: 4\n    rollouts: "a"\n`;
  expect(await complaintsAbout(text)).toEqual(['x.yaml:14: stages.search.rollouts: expected number, but got "a"']);
});

test('a misspelt field is reported with its own line', async () => {
  const text = `${VALID}stages:\n  search:\n    iterations: 4\n    rolouts: 3\n`;
  expect(await complaintsAbout(text)).toEqual([
    'x.yaml:14: stages.search.rolouts: no such field here; is it misspelt?',
  ]);
});

test('a missing field is reported with the line of its parent', async () => {
  expect(await complaintsAbout(VALID.replace('  searchProblems: 10\n', ''))).toEqual([
    'x.yaml:6: data.searchProblems: expected number, but got nothing',
  ]);
});

test('all wrong fields are reported at once', async () => {
  const text = VALID.replace('name: tiny', 'name: Tiny').replace('benchmarkProblems: 10', 'benchmarkProblems: 0');
  expect((await complaintsAbout(text)).map((line) => line.split(': ').slice(0, 2))).toEqual([
    ['x.yaml:1', 'name'],
    ['x.yaml:10', 'data.benchmarkProblems'],
  ]);
});

test('an item of a list is reported with its own line', async () => {
  const text = `${VALID}arms:\n  - name: astro\n  - name: Direct\n`;
  expect((await complaintsAbout(text))[0]).toMatch(/^x\.yaml:13: arms\.1\.name: /);
});

test('invalid YAML is reported with its line', async () => {
  expect((await complaintsAbout(`${VALID}arms: [\n`))[0]).toMatch(/^x\.yaml:1[12]: /);
});

test('the complaint about an unknown domain lists the domains that exist', async () => {
  const [complaint] = await complaintsAbout(VALID.replace('countdown', 'chess'));
  expect(complaint).toMatch(
    /^x\.yaml:3: domain\.name: expected a folder of domains\/ \(.*countdown.*\), but got "chess"$/,
  );
});

test('problem files that are missing, or lie outside the allowed folders, are reported with their lines', async () => {
  const [head = ''] = VALID.split('data:');
  const sets = `${head}data:
  type: files
  search:
    - { name: train, path: data/README.md }
    - name: more
      path: data/none.jsonl
  benchmarks:
    - { name: test, path: /no/such/file.jsonl }
`;
  expect(await complaintsAbout(sets)).toEqual([
    'x.yaml:11: data.search.1.path: expected a file, but there is none; got "data/none.jsonl"',
    expect.stringMatching(/^x\.yaml:13: data\.benchmarks\.0\.path: expected a file below a folder .*ORRERY_DATA_ROOTS/),
  ]);
});

test('settings that the domain does not know are refused before the campaign starts', async () => {
  const [complaint] = await complaintsAbout(VALID.replace('countdown', 'countdown\n  settings:\n    nonsense: 1'));
  expect(complaint).toMatch(/^x\.yaml:5: domain\.settings\.nonsense: /);
});

test('wrong settings of the domain are reported together with all other wrong fields', async () => {
  const text = VALID.replace('name: tiny', 'name: Tiny').replace(
    'countdown',
    'countdown\n  settings:\n    nonsense: 1',
  );
  expect((await complaintsAbout(text)).map((line) => line.split(': ').slice(0, 2))).toEqual([
    ['x.yaml:1', 'name'],
    ['x.yaml:5', 'domain.settings.nonsense'],
  ]);
});

test('a domain that makes neither problems nor demonstrations refuses a campaign that needs them', async () => {
  expect(await complaintsAbout(VALID.replace('countdown', 'math'))).toEqual([
    expect.stringMatching(/^x\.yaml:7: data\.type: expected files: domain math makes no problems/),
    expect.stringMatching(/^x\.yaml:5: policy\.type: expected pretrained: domain math makes no problems/),
  ]);
});

test('of many complaints, some are listed and the rest are counted', async () => {
  const lines = await complaintsAbout(VALID + Array.from({ length: 10_000 }, (_, at) => `f${at}: 1\n`).join(''));
  expect(lines[0]).toBe('x.yaml:11: f0: no such field here; is it misspelt?');
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe('  and 9,980 more');
});

test.each([
  [
    'an alias bomb',
    `a0: &a0 [x]\n${Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(', ')}]`).join('\n')}\n`,
  ],
  ['a spec that is too large for Temporal', `${VALID}description: ${'x'.repeat(300_000)}\n`],
])('%s is refused in one line', async (_, text) => {
  expect(await complaintsAbout(text)).toEqual(['x.yaml:1: expected at most 262144 bytes as JSON, but it has more']);
});

test('a file that cannot be read is reported with the reason', async () => {
  const whyOf = (file: string) =>
    readCampaignFile(file).catch((error: CommandError) => [error.exitCode, error.message]);
  const folder = await temporaryFolder();
  expect(await whyOf(folder)).toEqual([66, `${folder} cannot be read: it is a folder`]);
  expect(await whyOf(`${folder}/none.yaml`)).toEqual([66, `${folder}/none.yaml cannot be read: there is no such file`]);
});
