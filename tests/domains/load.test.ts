import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { domainComplaints, loadDomain } from '../../domains/domain.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

afterEach(() => vi.unstubAllEnvs());

test.each([
  ["['a', 'b', 'c', 'd', 'e']", 'rewriteStops of sums has 5'],
  ["['']", 'rewriteStops of sums has 1'],
])('a domain with stop strings %s, which a policy server would refuse, is refused', async (stops, words) => {
  const folder = await temporaryFolder();
  await cp(inProject('tests/support/domains/sums'), join(folder, 'sums'), { recursive: true });
  const file = join(folder, 'sums', 'domain.ts');
  const text = await readFile(file, 'utf8');
  const changed = text
    .replace(/rewriteStops: \[[^\]]*\]/, `rewriteStops: ${stops}`)
    .replaceAll(
      /from '(\.\.\/[^']+)'/g,
      (_, path: string) => `from '${inProject('tests/support/domains/sums', path)}'`,
    );
  expect(changed).not.toBe(text);
  await writeFile(file, changed);
  vi.stubEnv('ORRERY_DOMAINS', folder);
  await expect(loadDomain('sums')).rejects.toThrow(words);
});

test.each(['phrases.json', 'domain.py', 'canaries.jsonl'])(
  'a domain without %s is refused with the name of the missing file',
  async (missing) => {
    const folder = await temporaryFolder();
    await cp(inProject('tests/support/domains/sums'), join(folder, 'sums'), { recursive: true });
    await rm(join(folder, 'sums', missing));
    vi.stubEnv('ORRERY_DOMAINS', folder);
    await expect(loadDomain('sums')).rejects.toThrow(`expected the file ${missing} beside sums/domain.ts`);
    const campaign = { domain: { name: 'sums' } };
    expect(await domainComplaints(campaign)).toEqual([
      { field: 'domain.name', message: expect.stringContaining(missing) },
    ]);
  },
);
