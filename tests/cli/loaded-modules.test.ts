import { execa } from 'execa';
import { expect, test } from 'vitest';
import { inProject, PROJECT } from '../../config/paths.ts';

// What a command loads decides how long it takes to start: the code of all commands takes many times as long to load as
// Node takes to start.

/** Prints the address of every module that the process loads. */
const LISTING = `data:text/javascript,${encodeURIComponent(`
import { registerHooks } from 'node:module';
import { writeSync } from 'node:fs';
registerHooks({ load(url, context, next) { writeSync(2, 'loaded ' + url + '\\n'); return next(url, context); } });
`)}`;

/** The modules that a command loads: files of this project by their path, packages by their name. */
async function loadedBy(...args: string[]): Promise<string[]> {
  const { stderr } = await execa(process.execPath, ['--import', LISTING, inProject('cli/main.ts'), ...args], {
    reject: false,
    env: { TEMPORAL_ADDRESS: 'localhost:1' },
  });
  const urls = stderr.split('\n').flatMap((line) => line.match(/^loaded file:\/\/(.*)$/)?.[1] ?? []);
  const names = urls.map(
    (path) => path.match(/.*\/node_modules\/((@[^/]+\/)?[^/]+)/)?.[1] ?? path.replace(PROJECT, ''),
  );
  return [...new Set(names)];
}

test('the help loads commander and a few files, but no command, schema or client', async () => {
  const loaded = await loadedBy('--help');
  expect(loaded.filter((name) => !name.includes('.'))).toEqual(['commander']);
  expect(loaded).toContain('cli/program.ts');
  expect(loaded.length).toBeLessThanOrEqual(12);
});

test.each([
  { args: ['status', 'x'], loads: 'cli/commands/status.ts', not: ['spec/campaign.ts', 'log-update', 'yaml'] },
  { args: ['validate', 'no.yaml'], loads: 'cli/campaign-file.ts', not: ['@temporalio/client', '@grpc/grpc-js'] },
  { args: ['plan', 'no.yaml'], loads: 'planner/index.ts', not: ['@temporalio/client', '@kubernetes/client-node'] },
])('$args.0 loads only what it needs', async ({ args, loads, not }) => {
  const loaded = await loadedBy(...args);
  expect(loaded).toContain(loads);
  expect(loaded.filter((name) => [...not, '@temporalio/worker'].includes(name))).toEqual([]);
});
