import { execa } from 'execa';
import { expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test.each(['worker.ts', 'cli/main.ts list'])('%s says in the same words that no server answers', async (command) => {
  const [program = '', ...args] = command.split(' ');
  const { exitCode, all } = await execa(process.execPath, [inProject(program), ...args], {
    reject: false,
    all: true,
    env: { TEMPORAL_ADDRESS: 'localhost:1', ORRERY_STORE: await temporaryFolder() },
  });
  expect(exitCode).toBe(69);
  expect(all).toContain('no Temporal server answers at localhost:1 (');
  expect(all).toContain('start one with `npm run temporal`, or name another with TEMPORAL_ADDRESS');
});
