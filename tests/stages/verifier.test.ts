import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Problem } from '../../spec/index.ts';
import { pythonCommand } from '../../stages/runtime/python.ts';
import type { VerifierLimits } from '../../stages/verifier/process.ts';
import { type Canary, startVerifier, type Watch } from '../../stages/verifier/verifier.ts';
import { aStageContext } from '../support/stage-context.ts';
import { PYTHON } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FAKE = fileURLToPath(new URL('../support/fake-verifier.mjs', import.meta.url));
const PROBLEM: Problem = { id: 'p', problem: '2 + 3 =', reference: '5', source: 'sums' };
const aCanary = (completion: string, verdict: Canary['verdict']): Canary => ({ ...PROBLEM, completion, verdict });

/** Starts the fake with canaries of its own. */
async function aVerifier(
  canaries: readonly Canary[] = [aCanary('right', 'right')],
  limits: VerifierLimits = {},
  signal = new AbortController().signal,
  watch?: Watch,
) {
  const folder = join(await temporaryFolder(), 'domain');
  await mkdir(folder);
  await writeFile(join(folder, 'canaries.jsonl'), canaries.map((canary) => `${JSON.stringify(canary)}\n`).join(''));
  const context = await aStageContext({ kind: 'curriculum' }, folder, { signal });
  const startsFile = join(folder, 'starts');
  const domain = { ...context.domain, folder };
  const verifier = await startVerifier({ ...context, domain }, [process.execPath, FAKE, startsFile], limits, watch);
  onTestFinished(async () => {
    await verifier.close().catch(() => {}); // one that has gone wrong says so
    const child = await readFile(`${startsFile}.child`, 'utf8').catch(() => null);
    if (child !== null) process.kill(Number(child), 'SIGKILL');
  });
  return { verifier, starts: async () => (await readFile(startsFile, 'utf8')).length };
}

describe('the canaries', () => {
  test('stop a verifier that judges one of them otherwise than it states', async () => {
    const canaries = [aCanary('right', 'right'), aCanary('4', 'right')];
    await expect(aVerifier(canaries)).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(/misjudges 1 of 2 canaries .*case 2 \("4"\): expected right, but got wrong/),
    });
  });

  test('that the machine was too slow to judge say nothing against the verifier', async () => {
    await expect(aVerifier([aCanary('slow', 'right')])).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: expect.stringMatching(/did not get to judge a canary of .* \(timeout\); is the machine overloaded\?/),
    });
  });
});

describe('a verifier that goes wrong while it works', () => {
  const NEVER: Watch = { verdicts: 1e9, ms: 1e9 };

  test('gives no verdict any more once a canary is misjudged, and says since when nothing is to be trusted', async () => {
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

  test('does not get what it said last published: it is looked at once more when it is closed', async () => {
    const { verifier } = await aVerifier(undefined, {}, undefined, NEVER);
    await verifier.verify(PROBLEM, 'go wrong');
    expect(await verifier.verify(PROBLEM, 'right')).toMatchObject({ verdict: 'wrong' });
    await expect(verifier.close()).rejects.toThrow(/The 2 verdicts since/);
  });

  test('is looked at again after some time too', async () => {
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
    { name: 'that dies is started again and asked anew', word: 'die once', limits: {} },
    {
      name: 'that dies and leaves a child behind is started again and asked anew',
      word: 'leave a child behind',
      limits: {},
    },
    { name: 'that writes what is no answer is started again and asked anew', word: 'babble', limits: {} },
    {
      name: 'that says nothing for too long is started again and asked anew',
      word: 'hang',
      limits: { silenceMs: 1000 },
    },
  ])('$name', async ({ word, limits }) => {
    const { verifier, starts } = await aVerifier(undefined, limits);
    const verdicts = await Promise.all([word, 'right', 'other'].map((one) => verifier.verify(PROBLEM, one)));
    expect(verdicts.map(({ answer }) => answer)).toEqual([word, 'right', 'other']);
    expect(await starts()).toBe(2);
  });

  test('that dies over and over is a dependency that is down, with its last words', async () => {
    const { verifier, starts } = await aVerifier(undefined, { maxDeaths: 3 });
    await expect(verifier.verify(PROBLEM, 'die')).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: expect.stringMatching(/died 3 times \(exit code 3\); the last it said: a verdict too many/),
    });
    expect(await starts()).toBe(3);
    await expect(verifier.verify(PROBLEM, 'right')).rejects.toMatchObject({ failure: 'DependencyDown' });
  });

  test('that hangs over and over is a dependency that is down, and no more is asked of it', async () => {
    const { verifier, starts } = await aVerifier(undefined, { silenceMs: 500 });
    await expect(verifier.verify(PROBLEM, 'hang for ever')).rejects.toMatchObject({
      failure: 'DependencyDown',
      message: 'the verifier hangs: 3 times in a row no verdict in 0.5 s; the last it said: nothing',
    });
    expect(await starts()).toBe(3);
    await expect(verifier.verify(PROBLEM, 'right')).rejects.toMatchObject({ failure: 'DependencyDown' });
  });

  test('that hangs is not waited for when the stage stops', async () => {
    const stop = new AbortController();
    const { verifier } = await aVerifier(undefined, {}, stop.signal);
    const verdict = verifier.verify(PROBLEM, 'hang for ever');
    stop.abort(new Error('preempted'));
    await expect(verdict).rejects.toThrow('preempted');
    await verifier.close();
  });

  test('that refuses its arguments is invalid input at once', async () => {
    const { verifier, starts } = await aVerifier();
    await expect(verifier.verify(PROBLEM, 'refuse')).rejects.toMatchObject({ failure: 'InvalidInput' });
    expect(await starts()).toBe(1);
  });

  test('that cannot be started is a dependency that is down', async () => {
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
