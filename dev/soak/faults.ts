import type { Campaign } from './campaign.ts';
import type { Hit } from './checker/evidence.ts';
import type { Verdict } from './checker/violations.ts';
import { cutJournal, damageNewestCheckpoint, hasCheckpoint, hasJournal, isPublished, latestAttempt } from './damage.ts';
import type { Done, Fault, Tools } from './fault.ts';
import type { Random } from './random.ts';
import { STRANGERS } from './strangers.ts';
import type { Program, Target } from './target.ts';

/** Longest wait for the effect of a fault on a machine under load. */
const PATIENCE_MS = 240_000;
const LOOK_MS = 250;

/**
 * All kinds of faults. Source: issue reports about schedulers and trainers, and the behaviour of laptops. The weights
 * are *ours*.
 */
export const FAULTS: readonly Fault[] = [
  {
    kind: 'worker-kill',
    weight: 4,
    needs: ['worker'],
    lasts: true,
    description: 'kill -9 of the worker; a new one starts some seconds later',
    async act({ target, random, sleep }) {
      await target.worker.kill();
      const seconds = random.between(0, 5);
      await sleep(seconds * 1000);
      await target.worker.start();
      return [{ target: 'worker', seen: `started again after ${seconds.toFixed(1)} s` }];
    },
  },
  {
    kind: 'worker-drain',
    weight: 2,
    needs: ['worker', 'temporal'],
    lasts: true,
    description: 'SIGTERM to the worker; a new one starts when it has ended',
    async act({ target }) {
      const { seconds, end, inTime } = await target.worker.drain(DRAIN_MS);
      await target.worker.start();
      const wrong = inTime ? null : failing(`the worker had not ended ${DRAIN_MS / 1000} s after SIGTERM`);
      return [{ target: 'worker', seen: `ended after ${seconds.toFixed(1)} s with ${end}`, wrong }];
    },
  },
  {
    kind: 'second-worker',
    weight: 2,
    needs: ['another worker'],
    lasts: true,
    description: 'a second worker for some seconds',
    async act({ target, random, sleep }) {
      const another = await target.startAnotherWorker();
      const seconds = random.between(3, 12);
      await sleep(seconds * 1000);
      await another.stop();
      return [{ target: 'another worker', seen: `stayed for ${seconds.toFixed(1)} s` }];
    },
  },
  {
    kind: 'temporal-kill',
    weight: 3,
    needs: ['temporal'],
    lasts: true,
    description: 'kill -9 of Temporal; it starts again with the same port and database file',
    async act({ target, random, sleep }) {
      await target.temporal.kill();
      const seconds = random.between(0, 4);
      await sleep(seconds * 1000);
      await target.temporal.start();
      return [{ target: 'Temporal', seen: `started again after ${seconds.toFixed(1)} s` }];
    },
  },
  {
    kind: 'power-cut',
    weight: 2,
    needs: ['worker', 'temporal', 'another worker'],
    lasts: true,
    description: 'kill -9 of every process at once (worker, Temporal, all executions); worker and Temporal start again',
    async act({ target, random, sleep }) {
      const at = now();
      const struck = await target.running();
      await target.powerCut();
      const endedAt = now();
      await sleep(random.between(0, 2) * 1000);
      await target.temporal.start();
      await target.worker.start();
      const explains = ['Crashed', 'DependencyDown', 'NodeFailure'];
      const seen = `${struck.length} processes of executions were killed`;
      return [{ target: 'everything', at, endedAt, hits: struck.map(hitOf), explains, strikesAll: true, seen }];
    },
  },
  {
    kind: 'main-kill',
    weight: 5,
    needs: [],
    lasts: false,
    description: 'kill -9 of the program of one part',
    act: (tools) => strikeOne(tools, isMain, 'SIGKILL', ['Crashed']),
  },
  {
    kind: 'main-terminate',
    weight: 3,
    needs: [],
    lasts: false,
    description: 'SIGTERM to a program, without a request from orrery (preemption)',
    async act(tools) {
      const done = await strikeOne(tools, isMain, 'SIGTERM', ['Preempted']);
      return done?.map((one) => ({ ...one, graceful: true })) ?? null;
    },
  },
  {
    kind: 'policy-server-kill',
    weight: 3,
    needs: [],
    lasts: false,
    description: 'kill -9 of a policy server',
    act: (tools) => strikeOne(tools, ({ role }) => role === 'policy-server', 'SIGKILL', ['DependencyDown']),
  },
  {
    kind: 'supervisor-kill',
    weight: 3,
    needs: [],
    lasts: false,
    description: 'kill -9 of the supervisor of a job',
    act: (tools) => strikeOne(tools, ({ role }) => role === 'supervisor', 'SIGKILL', ['Crashed']),
  },
  {
    kind: 'main-stop',
    weight: 1.5,
    needs: ['stopped program'],
    lasts: true,
    description: 'SIGSTOP to a program until orrery finds it stalled; then SIGCONT, if it still runs',
    act: stopUntilStalled,
  },
  {
    kind: 'zombie',
    weight: 2,
    needs: ['zombie'],
    lasts: true,
    description:
      'the program of an attempt that a later one has replaced starts again, like a pod on a machine that was cut off',
    act: wakeZombie,
  },
  {
    kind: 'checkpoint-damage',
    weight: 3,
    needs: [],
    lasts: false,
    description:
      'kill -9 of a trainer, and damage to its newest checkpoint: truncated, a bit flipped, marker removed or torn',
    async act(tools) {
      const { target, random } = tools;
      const { store } = target;
      const program = await chosen(
        tools,
        async (one) =>
          isMain(one) && one.isTrainer && (await hasCheckpoint(store, one.key)) && !(await isPublished(store, one)),
      );
      if (program === null || !(await ended(target, program))) return null;
      // The trainer may have published just before the kill. Then no attempt follows.
      const how = (await isPublished(store, program)) ? null : await damageNewestCheckpoint(store, program.key, random);
      const checkpointsDamaged = how === null ? 0 : 1;
      return [struck(program, ['Crashed'], how ?? 'killed after it had published', { checkpointsDamaged })];
    },
  },
  {
    kind: 'journal-cut',
    weight: 3,
    needs: [],
    lasts: false,
    description: 'kill -9 of a program with a journal, and its journal truncated at a random byte',
    async act(tools) {
      const { target, random } = tools;
      const { store } = target;
      const program = await chosen(
        tools,
        async (one) => isMain(one) && (await hasJournal(store, one)) && !(await isPublished(store, one)),
      );
      if (program === null || !(await ended(target, program))) return null;
      const how = (await isPublished(store, program)) ? null : await cutJournal(store, program, random);
      return [struck(program, ['Crashed'], how ?? 'killed after it had published')];
    },
  },
  {
    kind: 'pause',
    weight: 3,
    needs: ['pause'],
    lasts: true,
    description: 'pause by signal or update, and resume some seconds later',
    act: pauseAndResume,
  },
  {
    kind: 'pause-backing-off',
    weight: 1.5,
    needs: ['pause'],
    lasts: true,
    description: 'kill -9 of a program, and a pause while its stage waits for its next attempt',
    async act(tools) {
      const { random } = tools;
      const at = now();
      const kill = await strikeOne(tools, isMain, 'SIGKILL', ['Crashed']);
      if (kill === null) return null;
      const endedAt = now();
      await tools.sleep(random.between(0, 1.5) * 1000);
      const pause = await pauseAndResume(tools);
      return [...kill.map((one) => ({ ...one, at, endedAt })), ...(pause ?? [])];
    },
  },
  {
    kind: 'duplicate-submission',
    weight: 1.5,
    needs: ['temporal'],
    lasts: false,
    description: 'the same campaign submitted again under the same id',
    async act({ campaign }) {
      const answer = await campaign.submit();
      const wrong =
        answer === 'refused' ? null : { verdict: 'doubled' as const, what: `${campaign.id} was started a second time` };
      return [{ target: campaign.id, seen: answer, wrong }];
    },
  },
  {
    kind: 'twin-campaign',
    weight: 1,
    needs: ['twin', 'temporal'],
    lasts: false,
    description: 'another campaign with the same spec in the same store',
    async act({ submitTwin }) {
      const twin = await submitTwin();
      return twin === null ? null : [{ target: twin, seen: 'started' }];
    },
  },
  {
    kind: 'disk-read-only',
    weight: 1.5,
    needs: ['disk'],
    lasts: true,
    description: 'the store is read-only for some seconds',
    act: ({ target, random, sleep }) =>
      troubleWithDisk(
        random,
        sleep,
        () => target.disk.makeReadOnly(),
        () => target.disk.makeWritable(),
      ),
  },
  {
    kind: 'disk-full',
    weight: 1.5,
    needs: ['disk'],
    lasts: true,
    description: 'the store is full for some seconds',
    act: ({ target, random, sleep }) =>
      troubleWithDisk(
        random,
        sleep,
        () => target.disk.fill(),
        () => target.disk.free(),
      ),
  },
  ...STRANGERS,
];

const STRIKES_BEFORE_MERCY = 4;
const MERCY = 0.85;

/** A worker hands back its activities before it ends. This takes some seconds, and longer on a machine under load. */
const DRAIN_MS = 60_000;

const now = (): string => new Date().toISOString();
const isMain = ({ role }: Program): boolean => role === 'main';
const hitOf = ({ key, attempt, part }: Program): Hit => ({ key, attempt, part });
const failing = (what: string): { verdict: Verdict; what: string } => ({ verdict: 'false failures', what });
const nameOf = ({ role, stage, job, attempt, part }: Program): string =>
  `${role} of ${stage ?? job}, attempt ${attempt}, part ${part}`;

const struck = (program: Program, explains: readonly string[], seen: string, more: Partial<Done> = {}): Done => ({
  target: nameOf(program),
  hits: [hitOf(program)],
  explains,
  seen,
  ...more,
});

/**
 * Chooses a program to strike. A stage that was struck often is mostly spared. Otherwise, stages that start slowly
 * would take all the faults, and later stages would get none.
 */
async function chosen(
  { target, random, strikes }: Tools,
  fits: (program: Program) => boolean | Promise<boolean>,
): Promise<Program | null> {
  const mercy = random.next() < MERCY;
  const all = (await target.running()).filter(({ key }) => !mercy || (strikes.get(key) ?? 0) < STRIKES_BEFORE_MERCY);
  const fitting = await Promise.all(all.map(async (program) => ((await fits(program)) ? [program] : [])));
  const programs = fitting.flat();
  if (programs.length === 0) return null;
  const program = random.pick(programs);
  strikes.set(program.key, (strikes.get(program.key) ?? 0) + 1);
  return program;
}

/** Sends SIGKILL and waits until the process has ended. @returns whether it was running */
async function ended(target: Target, program: Program): Promise<boolean> {
  if (!(await target.signal(program, 'SIGKILL'))) return false;
  while (await target.isAlive(program)) await new Promise((resolve) => setTimeout(resolve, 5));
  return true;
}

async function strikeOne(
  tools: Tools,
  fits: (program: Program) => boolean,
  signal: 'SIGKILL' | 'SIGTERM',
  explains: readonly string[],
): Promise<Done[] | null> {
  const program = await chosen(tools, fits);
  if (program === null || !(await tools.target.signal(program, signal))) return null;
  return [struck(program, explains, `got ${signal}`)];
}

/** Polls until the condition holds. @returns false when the round or the time limit ended first */
async function until(over: AbortSignal, holds: () => Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!over.aborted && performance.now() < deadline) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}

async function stopUntilStalled(tools: Tools): Promise<Done[] | null> {
  const { target, over } = tools;
  const program = await chosen(tools, isMain);
  if (program === null || !(await target.signal(program, 'SIGSTOP'))) return null;
  const [at, began] = [now(), performance.now()];
  const done = (seen: string) => [struck(program, ['Stalled'], seen, { at })];
  let superseded = false;
  const gone = await until(over, async () => {
    superseded ||= (await latestAttempt(target.store, program.key)) > program.attempt;
    return superseded || !(await target.isAlive(program));
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  if (gone && !(await target.isAlive(program))) return done(`it was ended after ${seconds} s`);
  // Another attempt may have begun while this program was stopped. After SIGCONT it must write nothing.
  await target.signal(program, 'SIGCONT');
  return done(superseded ? `woken up after ${seconds} s, beside a later attempt` : `woken up after ${seconds} s`);
}

async function wakeZombie(tools: Tools): Promise<Done[] | null> {
  const { target, over } = tools;
  const program = await chosen(tools, isMain);
  if (program === null) return null;
  const zombie = await target.remember(program);
  if (!(await target.signal(program, 'SIGKILL'))) return null;
  const [at, endedAt] = [now(), now()];
  const done = (seen: string) => [struck(program, ['Crashed'], seen, { at, endedAt })];
  if (await isPublished(target.store, program)) return done('killed; its part was published, so no attempt follows');
  const followed = await until(over, async () => (await latestAttempt(target.store, program.key)) > program.attempt);
  if (!followed) return done('killed; no attempt followed in time');
  return done(
    `woken up beside attempt ${await latestAttempt(target.store, program.key)}: ${await zombie.wake(120_000)}`,
  );
}

async function pauseAndResume({ target, campaign, random, over, sleep }: Tools): Promise<Done[] | null> {
  if ((await campaign.phase()) !== 'running') return null;
  const at = now();
  const began = performance.now();
  const by = random.pick(['signal', 'update'] as const);
  const done = (seen: string, wrong: Done['wrong'] = null): Done[] => [
    {
      kind: 'pause',
      target: campaign.id,
      at,
      endedAt: now(),
      strikesAll: true,
      graceful: true,
      seen: `by ${by}: ${seen}`,
      wrong,
    },
  ];
  const isOver = async () => over.aborted || !['RUNNING', null].includes(await campaign.workflow());
  try {
    await insist(over, () => campaign.pause(by));
    const paused = await until(over, async () => (await campaign.phase()) === 'paused' || (await isOver()));
    if (await isOver()) return done('the campaign ended meanwhile');
    if (!paused) return done('not paused', failing(`not paused ${PATIENCE_MS / 1000} s after it was asked for`));
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const left = await processesOf(campaign, target);
    await sleep(random.between(0.5, 5) * 1000);
    const later = await processesOf(campaign, target);
    const wrong = [...left, ...later].map(nameOf);
    return done(
      `paused after ${seconds} s`,
      wrong.length === 0 ? null : { verdict: 'leaked', what: `while it was paused there were: ${wrong.join('; ')}` },
    );
  } finally {
    await insist(over, () => campaign.resume());
  }
}

async function processesOf(campaign: Campaign, target: Target): Promise<Program[]> {
  const all = await target.running();
  return all.filter(
    (program) => (program.campaign ?? program.job).startsWith(campaign.id) && belongs(program, campaign),
  );
}

/** A supervisor has only the name of its job, which starts with the id of the campaign. */
const belongs = ({ campaign, job }: Program, { id }: Campaign): boolean =>
  campaign === null ? job.startsWith(`${id}-`) : campaign === id;

/** Retries while Temporal is down, like a person. A rejection by a closed or paused campaign is no failure. */
async function insist(over: AbortSignal, ask: () => Promise<void>): Promise<void> {
  await until(over, () =>
    ask().then(
      () => true,
      (error: unknown) => /not found|already completed|is paused already|is not paused/i.test(textOf(error)),
    ),
  );
}

const textOf = (error: unknown): string =>
  error instanceof Error ? `${error.message} ${error.cause === undefined ? '' : textOf(error.cause)}` : String(error);

async function troubleWithDisk(
  random: Random,
  sleep: Tools['sleep'],
  begin: () => Promise<void>,
  end: () => Promise<void>,
): Promise<Done[]> {
  const seconds = random.between(2, 8);
  await begin();
  const at = now();
  try {
    await sleep(seconds * 1000);
  } finally {
    await end();
  }
  const seen = `for ${seconds.toFixed(1)} s`;
  return [{ target: 'store', at, endedAt: now(), explains: ['DependencyDown'], strikesAll: true, seen }];
}
