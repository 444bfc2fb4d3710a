import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Problem } from '../../spec/index.ts';
import { pythonCommand } from '../../stages/runtime/python.ts';
import type { VerifierLimits } from '../../stages/verifier/process.ts';
import { type Canary, type CanaryInterval, startVerifier } from '../../stages/verifier/verifier.ts';
import { aStageContext } from '../support/stage-context.ts';
import { PYTHON } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FAKE = fileURLToPath(new URL('../support/fake-verifier.mjs', import.meta.url));

const PROBLEM: Problem = { id: 'p', problem: '2 + 3 =', reference: '5', source: 'sums' };
const aCanary = (completion: string, verdict: Canary['verdict']): Canary => ({ ...PROBLEM, completion, verdict });

/** Starts the fake verifier with the given canaries. */
async function aVerifier(
  canaries: readonly Canary[] = [aCanary('right', 'right')],
  limits: VerifierLimits = {},
  signal = new AbortController().signal,
  interval?: CanaryInterval,
  readyAfterMs: number | 'never' = 0,
) {
  const folder = join(await temporaryFolder(), 'domain');
  await mkdir(folder);
  await writeFile(join(folder, 'canaries.jsonl'), canaries.map((canary) => `${JSON.stringify(canary)}\n`).join(''));
  const context = await aStageContext({ kind: 'curriculum' }, folder, { signal });
  const startsFile = join(folder, 'starts');
  const domain = { ...context.domain, folder };
  const command = [process.execPath, FAKE, startsFile, String(readyAfterMs)] as const;
  const verifier = await startVerifier({ ...context, domain }, command, limits, interval);
  onTestFinished(async () => {
    await verifier.close().catch(() => {}); // a broken verifier throws here
    const child = await readFile(`${startsFile}.child`, 'utf8').catch(() => null);
    if (child !== null) process.kill(Number(child), 'SIGKILL');
  });
  return { verifier, starts: async () => (await readFile(startsFile, 'utf8')).length };
}

describe('the canaries', () => {
  test('stop a verifier that judges one of them wrong', async () => {
    const canaries = [aCanary('right', 'right'), aCanary('4', 'right')];
    await expect(aVerifier(canaries)).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(/misjudges 1 of 2 canaries .*case 2 \("4"\): expected right, but got wrong/),
    });
  });

  test('that a slow machine could not judge do not count against the verifier', async () => {
    await expect(aVerifier([aCanary('slow', 'right')])).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: expect.stringMatching(/could not judge a canary of .* \(timeout\); is the machine overloaded\?/),
    });
  });
});

describe('a verifier that goes wrong while it works', () => {
  const NEVER: CanaryInterval = { verdicts: 1e9, ms: 1e9 };

  test('gives no more verdicts once a canary is misjudged, and says which ones are not to be trusted', async () => {
    const { verifier } = await aVerifier(undefined, {}, undefined, { verdicts: 5, ms: 1e9 });
    for (const word of ['right', 'right', 'go wrong', 'right']) await verifier.verify(PROBLEM, word);
    const judging = (async () => {
      for (;;) await verifier.verify(PROBLEM, 'right');
    })();
    await expect(judging).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(
        /has gone wrong while it worked: it misjudges 1 of 1 canaries .*\. The \d+ verdicts since \S+Z are not to be trusted/,
      ),
    });
    await expect(verifier.close()).rejects.toMatchObject({ failure: 'InvalidInput' });
  });

  test('is checked once more on closing, so that its last verdicts are not published', async () => {
    const { verifier } = await aVerifier(undefined, {}, undefined, NEVER);
    await verifier.verify(PROBLEM, 'go wrong');
    expect(await verifier.verify(PROBLEM, 'right')).toMatchObject({ verdict: 'wrong' });
    await expect(verifier.close()).rejects.toThrow(/The 2 verdicts since/);
  });

  test('is checked again after some time too', async () => {
    const { verifier } = await aVerifier(undefined, {}, undefined, { verdicts: 1e9, ms: 0 });
    await verifier.verify(PROBLEM, 'go wrong');
    const judging = (async () => {
      for (;;) await verifier.verify(PROBLEM, 'right');
    })();
    await expect(judging).rejects.toMatchObject({ failure: 'InvalidInput' });
  });
});

describe('a verifier process', () => {
  test('judges many completions at once, each with its own verdict', async () => {
    const { verifier, starts } = await aVerifier();
    const words = Array.from({ length: 200 }, (_, index) => `${index} ${index % 2 === 0 ? 'right' : 'no'}`);
    const verdicts = await Promise.all(words.map((word) => verifier.verify(PROBLEM, word)));
    expect(verdicts.map(({ answer }) => answer)).toEqual(words);
    expect(verdicts[3]).toEqual({ verdict: 'wrong', answer: '3 no', reason: null });
    expect(await starts()).toBe(1);
  });

  test.each([
    { name: 'that dies is restarted and asked again', word: 'die once', limits: {} },
    {
      name: 'that dies and leaves a child process is restarted and asked again',
      word: 'leave a child behind',
      limits: {},
    },
    { name: 'that writes an invalid line is restarted and asked again', word: 'babble', limits: {} },
    {
      name: 'that is silent for too long is restarted and asked again',
      word: 'hang',
      limits: { silenceMs: 300 },
    },
  ])('$name', async ({ word, limits }) => {
    const { verifier, starts } = await aVerifier(undefined, limits);
    const verdicts = await Promise.all([word, 'right', 'other'].map((one) => verifier.verify(PROBLEM, one)));
    expect(verdicts.map(({ answer }) => answer)).toEqual([word, 'right', 'other']);
    expect(await starts()).toBe(2);
  });

  test('that keeps dying ends with DependencyDown and its last line on stderr', async () => {
    const { verifier, starts } = await aVerifier(undefined, { maxDeaths: 3 });
    await expect(verifier.verify(PROBLEM, 'die')).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: expect.stringMatching(/died 3 times \(exit code 3\); last line on stderr: a verdict too many/),
    });
    expect(await starts()).toBe(3);
    await expect(verifier.verify(PROBLEM, 'right')).rejects.toMatchObject({ failure: 'DependencyDown' });
  });

  test('that keeps hanging ends with DependencyDown and is not asked again', async () => {
    const { verifier, starts } = await aVerifier(undefined, { silenceMs: 300 });
    await expect(verifier.verify(PROBLEM, 'hang for ever')).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: 'the verifier hangs: no verdict within 0.3 s, 3 times in a row; last line on stderr: nothing',
    });
    expect(await starts()).toBe(3);
    await expect(verifier.verify(PROBLEM, 'right')).rejects.toMatchObject({ failure: 'DependencyDown' });
  });

  test('that starts slowly is not silent: the clock for a verdict begins when it is ready', async () => {
    const { verifier, starts } = await aVerifier(undefined, { silenceMs: 300 }, undefined, undefined, 1000);
    expect(await verifier.verify(PROBLEM, 'right')).toMatchObject({ verdict: 'right' });
    expect(await starts()).toBe(1);
  });

  test('that is never ready ends with DependencyDown', async () => {
    await expect(aVerifier(undefined, { readyMs: 300 }, undefined, undefined, 'never')).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: 'the verifier hangs: not ready within 0.3 s, 3 times in a row; last line on stderr: nothing',
    });
  });

  test('that hangs is not waited for when the stage stops', async () => {
    const stop = new AbortController();
    const { verifier } = await aVerifier(undefined, {}, stop.signal);
    const verdict = verifier.verify(PROBLEM, 'hang for ever');
    stop.abort(new Error('preempted'));
    await expect(verdict).rejects.toThrow('preempted');
    await verifier.close();
  });

  test('that refuses its arguments ends with InvalidInput at once', async () => {
    const { verifier, starts } = await aVerifier();
    await expect(verifier.verify(PROBLEM, 'refuse')).rejects.toMatchObject({ failure: 'InvalidInput' });
    expect(await starts()).toBe(1);
  });

  test('that cannot be started ends with DependencyDown', async () => {
    const context = await aStageContext({ kind: 'curriculum' }, '/nowhere');
    await expect(startVerifier(context, ['/no/such/python'])).rejects.toMatchObject({ failure: 'DependencyDown' });
  });
});

test('the real verifier passes the canaries of a domain and judges', async () => {
  const context = await aStageContext({ kind: 'curriculum' }, '/nowhere');
  const [, ...args] = pythonCommand('orrery_trainers.verdicts.verifier', '--domain', 'sums');
  const verifier = await startVerifier(context, [PYTHON, ...args]);
  onTestFinished(() => verifier.close());
  expect(await verifier.verify(PROBLEM, ' Answer: 5')).toEqual({ verdict: 'right', answer: '5', reason: null });
  expect(await verifier.verify(PROBLEM, ' Answer: 7')).toEqual({ verdict: 'wrong', answer: '7', reason: null });
});
