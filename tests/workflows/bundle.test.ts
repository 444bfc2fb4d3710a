import { existsSync } from 'node:fs';
import { readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { digestOfSources } from '../../store/code-version.ts';
import { workflowBundle } from '../../worker/bundle.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000 });
const ignored = inProject('.orrery/bundles/of-another-year.js');

afterAll(() => vi.restoreAllMocks());

/** Every workflow execution evaluates all modules of the bundle, so a schema library costs each of them. */
test('the workflow bundle contains no schemas, no sources, and nothing of Node', async () => {
  const code = await readFile((await workflowBundle()).codePath, 'utf8');
  // Modules of the project are concatenated, with a comment for each.
  const modules = [...code.matchAll(/^(?:\/\*\*\*\/ "|;\/\/ )\.\/([^"\n]+)/gm)].map(([, path]) => path);
  expect(modules).toContain('workflows/campaign.ts');
  expect(modules.filter((path) => /node_modules\/(zod|pino)|^(store|activities|k8s)\//.test(path!))).toEqual([]);
  expect(modules.length).toBeLessThan(160);
  expect(code.length).toBeLessThan(1_200_000);
});

test('the bundle is built once for a version of the code, and a build removes bundles of other years', async () => {
  const first = await workflowBundle();
  await writeFile(ignored, '');
  await utimes(ignored, new Date('2020-01-01'), new Date('2020-01-01'));
  const before = await readFile(first.codePath);
  const empty = { workflows: inProject('bench/support/empty-workflows.ts') };
  await rm((await workflowBundle(empty)).codePath);
  const [again, other] = await Promise.all([workflowBundle(), workflowBundle(empty)]);
  expect(again).toEqual(first);
  expect(await readFile(again.codePath)).toEqual(before);
  expect(other.codePath).not.toBe(first.codePath);
  expect(dirname(other.codePath)).toBe(dirname(first.codePath));
  expect(existsSync(ignored)).toBe(false);
});

test('the digest of a bundle changes with each source that it loads, and with no other', async () => {
  const root = await temporaryFolder();
  const write = (name: string, text: string) => writeFile(join(root, name), text);
  await write('index.ts', "import { used } from './used.ts';\nexport const one = used;\n");
  await write('used.ts', 'export const used = 1;\n');
  await write('other.ts', 'export const other = 1;\n');
  const digest = () => digestOfSources([join(root, 'index.ts')], root);
  const before = digest();
  await write('other.ts', 'export const other = 22;\n');
  expect(digest()).toBe(before);
  await write('used.ts', 'export const used = 22;\n');
  expect(digest()).not.toBe(before);
});
