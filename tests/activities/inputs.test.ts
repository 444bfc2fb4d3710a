import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CampaignSpecInput } from '../../spec/index.ts';
import { aCampaign, openWorkbench, type Workbench } from '../support/worker.ts';

let folder: string;
let bench: Workbench;
let worker: { stop(): Promise<void> };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-inputs-'));
  bench = await openWorkbench({ dataRoots: [folder] });
  worker = await bench.startWorker();
}, 120_000);
afterAll(async () => {
  await worker?.stop();
  await bench?.close();
  await rm(folder, { recursive: true });
}, 60_000);

/** A campaign that ends soon. */
const short = (change: Partial<CampaignSpecInput>): CampaignSpecInput =>
  aCampaign({ arms: [{ name: 'astro' }], until: 'linearise', ...change });

const files = (paths: readonly string[]): Partial<CampaignSpecInput> => ({
  data: {
    type: 'files',
    search: paths.map((path, index) => ({ name: `set-${index}`, path, sha256: undefined })),
    benchmarks: [{ name: 'test', path: paths[0] as string }],
  },
});

/** The innermost failure message of a campaign. */
async function endOf(id: string, spec: CampaignSpecInput): Promise<string> {
  try {
    await bench.client.workflow.execute('campaign', { taskQueue: 'orrery', workflowId: id, args: [spec] });
    return 'completed';
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    let cause: Error = error;
    while (cause.cause instanceof Error) cause = cause.cause;
    return `${(cause as { type?: string }).type}: ${cause.message}`;
  }
}

describe('a campaign', () => {
  test('whose files are FIFOs, folders or links to the outside fails with a message, and blocks no other campaign', async () => {
    const pipes = ['p1', 'p2', 'p3', 'p4', 'p5'].map((name) => join(folder, name));
    execFileSync('mkfifo', pipes);
    await symlink('/etc/passwd', join(folder, 'users.jsonl'));
    const [ended, other] = await Promise.all([
      endOf('pipes', aCampaign(files([...pipes, folder, '.', join(folder, 'users.jsonl')]))),
      endOf('beside', short({ name: 'beside' })),
    ]);
    expect(other).toBe('completed');
    expect(ended).toMatch(/^InvalidInput: /);
    expect(ended).toContain('data.search.0.path: expected a regular file, but it is a FIFO');
    expect(ended).toContain('data.search.7.path: expected a file below a folder that campaigns may read');
    expect(ended).not.toContain('root:');
  });

  test('that names a file of the system gets the name of the setting, and no content of the file', async () => {
    const [there, absent] = [
      await endOf('passwd', aCampaign(files(['/etc/passwd']))),
      await endOf('none', aCampaign(files(['/etc/nothing']))),
    ];
    expect(there).toMatch(/^InvalidInput: .*ORRERY_DATA_ROOTS/s);
    expect(there).not.toContain('root:');
    expect(absent).toBe(there.replaceAll('passwd', 'nothing'));
  });

  test('that contains a password is refused, and the message omits the password', async () => {
    const address = 'https://user:geheim@example.org/a?sig=geheim';
    const ended = await endOf('password', aCampaign(files([address])));
    expect(ended).toMatch(/^InvalidInput: .*ORRERY_DATA_HEADERS/s);
    expect(ended).not.toContain('geheim');
  });

  test('of a thousand files is admitted and runs', async () => {
    const paths = Array.from({ length: 1000 }, (_, index) => join(folder, `${index}.jsonl`));
    for (const path of paths) await writeFile(path, '{}');
    expect(await endOf('many', short({ name: 'many', ...files(paths) }))).toBe('completed');
  });
});
