import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { startTemporal, type TestTemporal } from '../support/temporal.ts';

const SPEC = {
  name: 'submitted',
  domain: { name: 'countdown' },
  policy: { type: 'pretrain' },
  data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
};

let temporal: TestTemporal;
let folder: string;
let file: string;

beforeAll(async () => {
  temporal = await startTemporal();
  folder = mkdtempSync(join(tmpdir(), 'orrery-submit-'));
  file = join(folder, 'campaign.json');
  writeFileSync(file, JSON.stringify(SPEC));
});

afterAll(async () => {
  await temporal?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const orrery = (...args: string[]) =>
  execa(process.execPath, [inProject('cli/main.ts'), ...args], {
    reject: false,
    env: { TEMPORAL_ADDRESS: temporal.address, ORRERY_STORE: join(folder, 'store') },
  });

test('a second submit of the same id ends with 73 while the campaign runs', async () => {
  const first = await orrery('submit', file, '--json');
  expect(first).toMatchObject({ exitCode: 0, stdout: '{"id":"submitted"}' });
  const second = await orrery('submit', file);
  expect(second.exitCode).toBe(73);
  expect(second.stderr).toContain('orrery status submitted');
  expect((await orrery('submit', file, '--id', 'another')).exitCode).toBe(0);
});

test('the printed temporal command starts the same campaign', async () => {
  const { stdout } = await orrery('submit', file, '--id', 'printed', '--print');
  const [command = ''] = stdout.split('\n');
  expect(stdout.split('\n')[1]).toMatch(
    /^tctl --address localhost:\d+ --namespace default workflow start --taskqueue orrery --workflow_type campaign /,
  );
  const [, ...args] = command.split(' ');
  await execa(inProject('.venv/bin/temporal'), args);
  const { stdout: shown } = await execa(inProject('.venv/bin/temporal'), [
    ...['workflow', 'show', '--workflow-id', 'printed', '--output', 'json', '--address', temporal.address],
  ]);
  const { events } = JSON.parse(shown) as Shown;
  const [payload] = events[0]?.workflowExecutionStartedEventAttributes.input.payloads ?? [];
  const input: unknown = JSON.parse(Buffer.from(payload?.data ?? '', 'base64').toString());
  expect(input).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});

/** The part of `temporal workflow show --output json` that holds the input. */
interface Shown {
  readonly events: readonly {
    readonly workflowExecutionStartedEventAttributes: {
      readonly input: { readonly payloads: readonly { readonly data: string }[] };
    };
  }[];
}

test.each([{ args: ['status', 'nobody'] }, { args: ['logs', 'nobody', 'search'] }, { args: ['report', 'nobody'] }])(
  '$args of a campaign that does not exist ends with 66',
  async ({ args }) => {
    expect((await orrery(...args)).exitCode).toBe(66);
  },
);

test('an invalid file ends with 65, and --json lists the complaints', async () => {
  const wrong = join(folder, 'wrong.yaml');
  writeFileSync(wrong, 'name: x\ndomain: { name: countdown }\npolicy: { type: pretrain }\n');
  const { exitCode, stdout } = await orrery('validate', wrong, '--json');
  expect(exitCode).toBe(65);
  expect(JSON.parse(stdout)).toMatchObject({ valid: false, complaints: [{ field: 'data', line: 1 }] });
});

test('a command that needs a worker ends with 69 when there is none, and says how to start one', {
  timeout: 60_000,
}, async () => {
  await orrery('submit', file, '--id', 'no-worker');
  const results = [['pause'], ['resume'], ['retry', 'search'], ['approve'], ['cancel']].map(([command = '', ...more]) =>
    orrery(command, 'no-worker', ...more),
  );
  for (const { exitCode, stderr } of await Promise.all(results)) {
    expect(exitCode).toBe(69);
    expect(stderr).toContain('npm run worker');
  }
});

test('a wrong command line ends with 2', async () => {
  expect((await orrery('submit')).exitCode).toBe(2);
  expect((await orrery('submitt', file)).exitCode).toBe(2);
});
