import { effectiveRatio, type StageRequest, type StageStatus } from '../spec/index.ts';
import type { StageRun } from '../workflows/index.ts';
import { atLeast, type Benchmark, type Goal, numberText, withoutTarget } from './benchmark.ts';
import { type GangRun, gangActivities } from './simulation/activities.ts';
import { BIG_FILE, BIG_TRAINING, bigCampaign, NODES } from './simulation/big-training.ts';
import { openSkipping, type Skipping } from './simulation/environment.ts';
import { RATES, SHARES } from './simulation/failure-model.ts';
import {
  createGang,
  effectiveOf,
  type Gang,
  type RestartPolicy,
  type TrueTimeline,
  wallOf,
} from './simulation/gang.ts';
import { summarise } from './statistics.ts';

/** Seeds of each policy. The restart from scratch takes many attempts, and few seeds show the same result. */
const SEEDS = { orrery: 20, 'restart without classes': 20, 'restart from scratch': 5 } as const;
const TARGET_PERCENT = 97;
/** Nodes beyond those of the gang, used when some are excluded. *Ours*. */
const SPARE_NODES = 8;
/** Time until a person restarts a held stage: the mean over days and nights. *Ours*. */
const PERSON_ANSWERS_HOURS = 4;
/** A training that does not finish is stopped after this time. */
const HORIZON_DAYS = 60;
/**
 * Largest allowed difference between the accounts of the workflow and the simulator, in points. Activities take real
 * milliseconds.
 */
const AGREEMENT_POINTS = 0.05;

const POLICIES = [
  { name: 'orrery', resumes: true, classes: true },
  { name: 'restart without classes', resumes: true, classes: false },
  { name: 'restart from scratch', resumes: false, classes: true },
] as const satisfies readonly RestartPolicy[];
type RateName = keyof typeof RATES;

/** One training under one policy, measured twice. */
interface Life {
  readonly rate: RateName;
  readonly policy: string;
  readonly seed: number;
  /** By the workflow: StageStatus.account. Null if the training was stopped at the horizon. */
  readonly accountedPercent: number | null;
  /** Account of the simulator. */
  readonly truePercent: number;
  readonly held: number;
  readonly timeline: TrueTimeline;
  readonly account: StageStatus['account'];
}

const { stallTimeoutSeconds } = bigCampaign().stages.rl.run;
const training = BIG_TRAINING;

export const ettr: Benchmark = {
  name: 'ettr',
  question: 'Which share of ten days of RL on 256 GPUs is kept work, when machines fail at published rates?',
  method: `A training of ${training.steps} steps of ${training.stepSeconds} s on ${NODES} nodes of 8 GPUs runs under the real workflow \`stage\`, on
Temporal's time-skipping server. Attempts, classes, budgets, back-off, excluded nodes and the account are orrery's own; the machines and the
training are simulated (bench/simulation/). There are ${SEEDS.orrery} seeds, ${SEEDS['restart from scratch']} for the restart from scratch. With the same seed, every policy
meets the same failures.

Failures: each node fails independently, as a Poisson process, at the published rates (${Object.values(RATES)
    .map(({ name, perNodeDay, source }) => `${name}: ${numberText(1000 * perNodeDay)} in 1,000 node-days, ${source}`)
    .join('; ')}). What fails: ${Object.entries(SHARES)
    .map(([kind, { perFailure, source }]) => `${kind} ${numberText(100 * perFailure)} %, ${source}`)
    .join('; ')}.

Costs: a checkpoint every ${training.stepsPerCheckpoint} steps (${BIG_FILE}), ${training.saveSeconds} s each; ${training.queueSeconds} s queued, ${training.startSeconds} s to start. A lost node is noticed after ${training.detectSeconds.NodeFailure} s, a stall after the
stage's limit of ${stallTimeoutSeconds} s, a crash at once. A preempted gang finishes its step and saves, within the grace of ${training.graceSeconds} s. The sources are in bench/simulation/big-training.ts.
When a stage has spent a budget, it is held until a person restarts it, ${PERSON_ANSWERS_HOURS} h later.

Two other policies are compared with orrery: a restart without classes, in which every failure spends the one budget of \`Crashed\` with its
back-off (stalls are still noticed); and a restart from scratch, which resumes from nothing (stopped after ${HORIZON_DAYS} days).`,

  async run({ say }) {
    const runs = new Map<string, GangRun>();
    const world = await openSkipping((env) => gangActivities(env, runs));
    const lives: Life[] = [];
    try {
      for (const rate of Object.keys(RATES) as RateName[]) {
        for (const policy of POLICIES) {
          say(`${RATES[rate].name}, ${policy.name}`);
          for (let seed = 0; seed < SEEDS[policy.name]; seed += 1)
            lives.push(await live(world, runs, rate, policy, seed));
        }
      }
    } finally {
      await world.close();
    }
    const of = (rate: RateName, policy: string) => lives.filter((one) => one.rate === rate && one.policy === policy);
    const statisticsOf = (some: readonly Life[]) =>
      summarise(some.map(({ accountedPercent, truePercent }) => accountedPercent ?? truePercent));
    const apart = lives.flatMap(({ accountedPercent, truePercent }) =>
      accountedPercent === null ? [] : Math.abs(accountedPercent - truePercent),
    );
    const worst = Math.max(...apart);
    const harshest = statisticsOf(of('rsc-1024', 'orrery'));
    const goals: Goal[] = [
      ...(Object.keys(RATES) as RateName[]).map((rate) =>
        atLeast(
          `effective training time at the rate of ${RATES[rate].name}`,
          statisticsOf(of(rate, 'orrery')).mean,
          TARGET_PERCENT,
          '%',
        ),
      ),
      {
        what: 'largest difference between the account of the workflow and that of the simulator',
        target: `at most ${AGREEMENT_POINTS} points`,
        measured: `${numberText(worst)} points in ${apart.length} runs`,
        met: worst <= AGREEMENT_POINTS,
      },
      withoutTarget(
        'runs of orrery in which a budget was spent and a person had to act',
        heldText(lives.filter(({ policy }) => policy === 'orrery')),
      ),
    ];
    return {
      goals,
      tables: [
        {
          title: 'Effective training time in %',
          columns: ['rate', 'policy', 'mean', 'sd', 'min', 'max', 'executions', 'days', 'finished', 'held'],
          rows: (Object.keys(RATES) as RateName[]).flatMap((rate) =>
            POLICIES.map(({ name }) => {
              const some = of(rate, name);
              const { mean, sd, min, max } = statisticsOf(some);
              const finished = some.filter(({ timeline }) => timeline.finished);
              return [
                ...[RATES[rate].name, name, percentText(mean), numberText(sd), percentText(min), percentText(max)],
                numberText(meanOf(some, ({ timeline }) => timeline.executions)),
                finished.length === 0
                  ? `over ${HORIZON_DAYS}`
                  : numberText(meanOf(finished, ({ timeline }) => wallOf(timeline) / 86_400)),
                `${finished.length} of ${some.length}`,
                numberText(meanOf(some, ({ held }) => held)),
              ];
            }),
          ),
        },
        {
          title: 'Where the time goes in orrery’s ten days, in hours, by the simulator',
          columns: ['rate', ...TIME_KINDS],
          rows: (Object.keys(RATES) as RateName[]).map((rate) => [
            RATES[rate].name,
            ...TIME_KINDS.map((kind) =>
              numberText(meanOf(of(rate, 'orrery'), ({ timeline }) => timeline[kind] / 3600)),
            ),
          ]),
        },
        {
          title: 'Effective training time by checkpoint interval, in % (simulator alone, 200 seeds, no budgets)',
          columns: ['steps between checkpoints', ...Object.values(RATES).map(({ name }) => name)],
          rows: [1, 2, 3, 4, 5, 10].map((stepsPerCheckpoint) => [
            stepsPerCheckpoint === training.stepsPerCheckpoint ? `**${stepsPerCheckpoint}**` : stepsPerCheckpoint,
            ...(Object.keys(RATES) as RateName[]).map((rate) => percentText(simulatedMean(rate, stepsPerCheckpoint))),
          ]),
        },
      ],
      notes: [
        'An unfinished run keeps the work of its last execution; its share comes from the simulator.',
        `At the harshest rate the mean of orrery has a standard error of ${numberText(harshest.sd / Math.sqrt(harshest.n))} points.`,
      ],
      data: { lives },
    };
  },
};

const TIME_KINDS = ['kept', 'lost', 'idle', 'saving', 'starting', 'queued', 'between'] as const;

/** One training, from its first attempt to its end or the horizon. */
async function live(
  { env, taskQueue }: Skipping,
  runs: Map<string, GangRun>,
  rate: RateName,
  policy: RestartPolicy,
  seed: number,
): Promise<Life> {
  const gang: Gang = createGang({ training, rate: RATES[rate], nodes: NODES, spareNodes: SPARE_NODES, policy, seed });
  const campaignId = `${rate}-${policy.name.replaceAll(' ', '-')}-${seed}`;
  runs.set(campaignId, {
    gang,
    horizonSeconds: HORIZON_DAYS * 86_400,
    personAnswersSeconds: PERSON_ANSWERS_HOURS * 3600,
  });
  const spec = bigCampaign();
  const request = {
    schemaVersion: 1,
    kind: 'rl',
    name: 'astro/rl',
    seed,
    domain: spec.domain,
    policy: spec.policy,
    inputs: {},
    config: spec.stages.rl,
  } satisfies StageRequest;
  const run: StageRun = {
    campaignId,
    campaignRun: campaignId,
    arm: 'astro',
    request,
    onFailure: 'hold',
    mayBeEmpty: false,
    paused: false,
  };
  const handle = env.client.workflow.getHandle(`${campaignId}/astro/rl`);
  const alone = await env.client.workflow.start('loneStage', { taskQueue, workflowId: campaignId, args: [run] });
  await alone.result().catch((error: unknown) => {
    if (policy.resumes) throw error; // A restart from scratch may never complete.
  });
  const { account } = await handle.query<StageStatus>('status');
  const ratio = effectiveRatio(account);
  return {
    rate,
    policy: policy.name,
    seed,
    timeline: gang.timeline,
    account,
    held: Math.round(account.seconds.held / 3600 / PERSON_ANSWERS_HOURS),
    accountedPercent: gang.timeline.finished && ratio !== null ? 100 * ratio : null,
    truePercent: 100 * effectiveOf(gang.timeline),
  };
}

/** The same training without a workflow: each attempt starts at once after the one before. */
function simulatedMean(rate: RateName, stepsPerCheckpoint: number): number {
  const percents = Array.from({ length: 200 }, (_, seed) => {
    const gang = createGang({
      training: { ...training, stepsPerCheckpoint },
      rate: RATES[rate],
      nodes: NODES,
      spareNodes: 0,
      policy: POLICIES[0],
      seed,
    });
    let now = 0;
    while (!gang.timeline.finished) now += gang.execute(now, []).endedAt;
    return 100 * effectiveOf(gang.timeline);
  });
  return summarise(percents).mean;
}

const meanOf = (lives: readonly Life[], measure: (life: Life) => number): number => summarise(lives.map(measure)).mean;
const percentText = (percent: number): string => percent.toFixed(2);
const heldText = (lives: readonly Life[]): string =>
  `${lives.filter(({ held }) => held > 0).length} of ${lives.length}`;
