import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256Canonical } from '../../store/index.ts';
import { smallCampaign } from '../integrity/small-campaign.ts';

const ID = 'small';
let store: string;
let html: string;
let json: string;

beforeAll(async () => {
  store = mkdtempSync(join(tmpdir(), 'orrery-test-'));
  ({ html, json } = await smallCampaign(store, ID).run());
});

afterAll(() => rmSync(store, { recursive: true, force: true }));

/** Runs the command like a person. It needs no Temporal server. */
const report = async (...args: string[]) => {
  const command = ['cli/main.ts', 'report', ...args];
  return await execa(process.execPath, command, { env: { ORRERY_STORE: store }, reject: false });
};

/** Changes a file, runs the command, and restores the file. */
async function reportOver(path: string, change: (text: string) => string | null) {
  const text = readFileSync(path, 'utf8');
  const changed = change(text);
  if (changed === null) rmSync(path);
  else writeFileSync(path, changed);
  try {
    return await report(ID);
  } finally {
    writeFileSync(path, text);
  }
}

test('the command prints the report as it was published', async () => {
  const [table, printed] = [await report(ID), await report(ID, '--json')];
  expect(table.exitCode).toBe(0);
  expect(table.stdout).toContain('pass@1');
  expect(JSON.parse(printed.stdout)).toEqual(JSON.parse(readFileSync(json, 'utf8')));
});

test.each([
  [
    'a number in the report was changed by hand',
    () => json,
    (text: string) => text.replace(/"value": 0/, '"value": 1'),
  ],
  ['the page was changed by hand', () => html, (text: string) => `${text}<p>forged</p>`],
  ['the page is missing', () => html, () => null],
  ['the publication record is missing', () => join(dirname(json), 'published.json'), () => null],
  [
    'the publication record is truncated',
    () => join(dirname(json), 'published.json'),
    (text: string) => text.slice(0, 60),
  ],
  [
    'the publication record belongs to another campaign',
    () => join(dirname(json), 'published.json'),
    (text: string) => {
      const { checksum: _, ...record } = JSON.parse(text);
      const forged = { ...record, campaignId: 'other' };
      return JSON.stringify({ ...forged, checksum: sha256Canonical(forged) });
    },
  ],
])('the command prints no report and a remedy when %s', async (_, file, change) => {
  const { exitCode, stdout, stderr } = await reportOver(file(), change);
  expect(exitCode).toBe(65);
  expect(stdout).toBe('');
  expect(stderr).toContain(`submit the campaign again under the id ${ID}`);
  expect(stderr).not.toContain('    at ');
});
