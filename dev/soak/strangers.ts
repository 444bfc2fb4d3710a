import { finishedStages, latestAttempt, readersOf, swapManifest } from './damage.ts';
import type { Done, Fault, Tools } from './fault.ts';
import { drawMessage, HOSTILE_INPUTS } from './hostile-messages.ts';

/** Longest time until a workflow with an invalid input has failed while workers are killed. */
const REFUSED_MS = 120_000;
/** Longest time until a worker of another store has ended. */
const TURNED_AWAY_MS = 240_000;
/** Exit code of a worker whose task queue belongs to another store. */
const QUEUE_TAKEN = 73;
const LOOK_MS = 500;
/** Messages per fault. */
const MESSAGES = 5;

/** Faults that strangers cause: clients of Temporal, another installation, writers to the store. */
export const STRANGERS: readonly Fault[] = [
  {
    kind: 'hostile-message',
    weight: 2,
    needs: ['temporal'],
    lasts: false,
    description: 'invalid signals to the campaign and to one of its stages',
    async act({ campaign, random }) {
      if ((await campaign.workflow()) !== 'RUNNING') return null;
      const stages = await campaign.openStages();
      const said: string[] = [];
      for (let sent = 0; sent < MESSAGES; sent += 1) {
        const stage = stages.length > 0 && random.next() < 0.5 ? random.pick(stages) : null;
        const message = drawMessage(random, stage === null ? 'campaign' : 'stage');
        const isThere = await campaign.signal(stage ?? campaign.id, message.name, message.payloads);
        said.push(`${message.name} to ${stage ?? campaign.id} with ${message.what}${isThere ? '' : ' (it had ended)'}`);
      }
      return [{ target: campaign.id, seen: said.join('; ') }];
    },
  },
  {
    kind: 'hostile-start',
    weight: 1,
    needs: ['temporal'],
    lasts: true,
    description: 'a campaign or a stage with an invalid input; it must fail, and must not be retried for ever',
    act: startHostile,
  },
  {
    kind: 'strange-worker',
    weight: 1,
    needs: ['another worker', 'temporal'],
    lasts: true,
    description: 'a worker of another installation on the same task queue; it must exit at once',
    async act({ target }) {
      const end = await target.startStrangeWorker(TURNED_AWAY_MS);
      const code = end?.exitCode ?? 'nothing';
      const what = `the worker of another store ended with ${code}; polled: ${end?.polled ?? true}`;
      const wrong = end?.exitCode === QUEUE_TAKEN && !end.polled ? null : { verdict: 'doubled' as const, what };
      return [{ target: 'another installation', seen: `ended with ${code}`, wrong }];
    },
  },
  {
    kind: 'swapped-manifest',
    weight: 2,
    needs: ['manifest'],
    lasts: true,
    description:
      'the manifest of a finished stage is replaced by one with other counts, by that of another stage, or truncated',
    act: swapOne,
  },
];

/** Readers restore the manifest. The last reader is the publication of the report. */
async function swapOne({ target: { store }, random, over }: Tools): Promise<Done[] | null> {
  const finished = await finishedStages(store);
  if (finished.length === 0) return null;
  const key = random.pick(finished);
  const at = new Date().toISOString();
  const others = finished.filter((other) => other !== key);
  const swap = await swapManifest(store, key, others, random);
  if (swap === null) return null;
  const { what, isMended } = swap;
  const attempts = await Promise.all(
    (await readersOf(store, key)).map(async (reader) => ({ reader, latest: await latestAttempt(store, reader) })),
  );
  // A program that reads the manifest now, or was admitted before the swap, may see the swapped one.
  const hits = attempts.flatMap(({ reader, latest }) =>
    [latest, latest + 1].filter((attempt) => attempt >= 0).map((attempt) => ({ key: reader, attempt, part: 0 })),
  );
  const began = performance.now();
  let mended = await isMended();
  while (!mended && !over.aborted) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    mended = await isMended();
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const seen = `${what}; ${mended ? `as it was before after ${seconds} s` : 'nobody read it again'}`;
  return [{ target: `manifest of ${key}`, at, hits, explains: ['DependencyDown'], swapped: key, seen }];
}

async function startHostile({ campaign, random, over }: Tools): Promise<Done[] | null> {
  const type = random.pick(['campaign', 'stage'] as const);
  const [what, payloads] = random.pick(HOSTILE_INPUTS);
  const id = `hostile-${random.integer(0, 2 ** 31)}`;
  await campaign.start(id, type, payloads);
  const deadline = performance.now() + REFUSED_MS;
  let state: string | null = null;
  while (!over.aborted && performance.now() < deadline) {
    state = await campaign.stateOf(id);
    if (state === 'FAILED') break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const seen = `${type} with ${what}: ${state ?? 'no answer'}`;
  const isWrong = state !== 'FAILED' && !over.aborted;
  const wrong = isWrong ? { verdict: 'false failures' as const, what: `it was not refused: ${seen}` } : null;
  return [{ target: id, seen, wrong }];
}
