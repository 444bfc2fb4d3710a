import { readFile } from 'node:fs/promises';
import { expect, test, vi } from 'vitest';
import { PublishedReport } from '../../report/report-schema.ts';
import { FILES } from '../../spec/index.ts';
import { StageExit } from '../../stages/runtime/exits.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';
import { CorruptFileError, campaignDir, OtherVersionError, readPublished } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { damage } from './damage.ts';
import { smallCampaign } from './small-campaign.ts';

/** Number of damages in one round. */
const DAMAGES = 8;
/**
 * Number of damages in total: 160 take a few seconds. `ORRERY_TEST_FLIPS=1000` (`npm test -- --flips 1000`) tries more.
 */
const FLIPS = Number(process.env.ORRERY_TEST_FLIPS || 160);
const ROUNDS = Math.ceil(FLIPS / DAMAGES);
// There is no time limit: a loop is detected by the number of runs, and a slow machine is not a failure.
vi.setConfig({ testTimeout: 0 });

/** Whether an error is a refusal with a message, after which a person can submit the campaign again. */
const isRefusal = (error: unknown): boolean => error instanceof CorruptFileError || error instanceof StageExit;

test(`${ROUNDS * DAMAGES} flips, cuts, swaps and forgeries in a store cause no wrong figure and no loop`, async () => {
  // The clock stands still, so that files which are made again are equal byte for byte.
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T00:00:00Z') });
  const store = await temporaryFolder();
  const campaign = smallCampaign(store);
  const reference = await textsOf(await campaign.run());
  const next = random(seedFor(17, 'damage'));
  let done = 0;
  let refused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const story: string[] = [];
    const harm = async () => {
      const what = await damage(store, next);
      if (what !== null) story.push(what);
    };
    // Half of the damage happens while no campaign runs, and half during a campaign.
    const moments = new Set(
      Array.from(
        { length: DAMAGES / 2 },
        () => [...campaign.results.keys()][Math.floor(next() * campaign.results.size)],
      ),
    );
    while (story.length < DAMAGES / 2) await harm();
    await publishedIsRightOrRefused(store, reference, story);
    let published: { html: string; json: string } | null = null;
    for (let runs = 0; published === null; runs++) {
      expect(runs, story.join('\n')).toBeLessThan(4);
      try {
        published = await campaign.run(async (name) => {
          if (runs === 0 && moments.has(name)) await harm();
        });
      } catch (error) {
        if (!isRefusal(error)) throw new Error(story.join('\n'), { cause: error });
        refused += 1;
      }
    }
    expectRight(await textsOf(published), reference, story);
    done += story.length;
  }
  vi.useRealTimers();
  expect(done).toBeGreaterThan(ROUNDS * DAMAGES * 0.7);
  // Most of the damage during a campaign is repaired without a person.
  expect(refused).toBeLessThan(ROUNDS / 2);
});

const textsOf = async ({ html, json }: { html: string; json: string }) => [
  await readFile(html, 'utf8'),
  await readFile(json, 'utf8'),
];

/**
 * The report must equal the reference. Only the provenance of a stage may be missing, with a note, if its manifest was
 * damaged at the very end.
 */
function expectRight(
  [page = '', json = '']: readonly string[],
  reference: readonly string[],
  story: readonly string[],
) {
  const [expected, published] = [reference[1] ?? '', json].map((text) => PublishedReport.parse(JSON.parse(text)));
  const lost = published!.provenance.flatMap(({ made, name }) => (made === null ? [name] : []));
  const leftOut = expected!.provenance.map((stage) => (lost.includes(stage.name) ? { ...stage, made: null } : stage));
  expect(published, story.join('\n')).toEqual({ ...expected, provenance: leftOut });
  if (lost.length === 0) expect(page, story.join('\n')).toBe(reference[0]);
  else expect(page).toContain('its manifest is damaged or lost');
}

async function publishedIsRightOrRefused(store: string, reference: readonly string[], story: readonly string[]) {
  try {
    const names = [FILES.analyse.html, FILES.analyse.json];
    const published = await readPublished(campaignDir(store, 'small'), 'small', names);
    expectRight(published.map(String), reference, story);
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
  }
}
