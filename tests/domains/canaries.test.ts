import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { domainsFolder, loadDomain } from '../../domains/domain.ts';
import { Canary, startVerifier } from '../../stages/verifier/verifier.ts';
import { domainNames } from '../support/domain-names.ts';
import { aStageFile } from '../support/stored-stage.ts';

const folder = domainsFolder();

describe.each(domainNames())('the canaries of %s', (name) => {
  const lines = readFileSync(`${folder}/${name}/canaries.jsonl`, 'utf8').trim().split('\n');
  const canaries = lines.map((line) => Canary.parse(JSON.parse(line)));

  test('include right and wrong completions', () => {
    expect(canaries.length).toBeGreaterThanOrEqual(6);
    expect(canaries.map(({ verdict }) => verdict)).toEqual(expect.arrayContaining(['right', 'wrong']));
  });

  test('get the verdicts that they state from the real verifier', async () => {
    process.env.ORRERY_PYTHON ??= fileURLToPath(new URL('../../.venv/bin/python', import.meta.url));
    const stage = aStageFile({ kind: 'evaluate' });
    const context = { domain: await loadDomain(name), log: pino({ level: 'silent' }), stage };
    const verifier = await startVerifier({ ...context, signal: AbortSignal.timeout(120_000) });
    await verifier.close();
  }, 120_000);
});
