import { createHash } from 'node:crypto';
import type { CampaignData } from '../../report/campaign-data.ts';
import type {
  DataCard,
  DroppedTrace,
  EvaluatedCompletion,
  Manifest,
  PassRate,
  Problem,
  Solution,
  Span,
  StageFileOf,
  StageKind,
  TrainingMetric,
} from '../../spec/index.ts';
import { STAGE_CONFIGS } from '../../spec/index.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';

/** Builders of a finished campaign that nobody ran: made up from a seed, in the shapes that the stages write. */

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const START = Date.parse('2025-03-01T09:00:00Z');

export interface SyntheticOptions {
  readonly problems?: number;
  readonly samples?: number;
  readonly benchmarks?: readonly string[];
  readonly arms?: readonly string[];
  readonly rlSteps?: number;
  readonly resamples?: number;
  /** Probability that a policy is right, by name of its evaluation. */
  readonly skill?: Readonly<Record<string, number>>;
}

export function aCompletion(fields: Partial<EvaluatedCompletion> = {}): EvaluatedCompletion {
  return {
    benchmark: 'held-out',
    problemId: 'p0',
    problem: 'Use 3 5 7 to make 26 :',
    sample: 0,
    mode: 'sampled',
    text: '3 * 7 = 21 . Final answer: 3 * 7 = 21 , 21 + 5 = 26',
    tokens: 20,
    finishReason: 'stop',
    verdict: 'right',
    answer: '3*7=21;21+5=26',
    backtracks: 0,
    ...fields,
  };
}

/** A completion with one correction, in the phrases of the countdown domain. */
export const BACKTRACKING_TEXT =
  '3 * 5 = 15 . 15 + 7 = 22 . But wait, are we solving the problem correctly so far? Hmm... Our solution does not reach the target. ' +
  "Let's go back to where we had 15 . 15 * 7 = 105 . But wait, are we solving the problem correctly so far? Hmm... " +
  "Our solution does not reach the target. Let's restart our solution from the beginning. 3 * 7 = 21 . 21 + 5 = 26 . " +
  'But wait, are we solving the problem correctly so far? Hmm... Our solution seems to be correct so far. Final answer: 3 * 7 = 21 , 21 + 5 = 26';

/** A solution as the rewriting leaves it, composed of `[kind, node, text]`. */
export function aSolution(
  problem: Problem,
  k: number,
  parts: readonly (readonly [Span['kind'], number, string])[],
): Solution {
  let text = '';
  const spans = parts.map(([kind, node, words]): Span => {
    const from = text.length + 1;
    text = `${text} ${words}`;
    return { from, to: text.length, kind, node };
  });
  return { id: `${problem.id}-k${k}`, problem, prompt: problem.problem, text, k, spans };
}

export const aProblem = (id: string): Problem => ({
  id,
  problem: 'Use 3 5 7 to make 26 :',
  reference: '26',
  source: 'test',
});

/** A search solution: a wrong branch, a correction, the right branch. */
export const searchSolution = (id: string): Solution =>
  aSolution(aProblem(id), 1, [
    ['step', 1, 'Multiply 3 by 5 to get 15 .'],
    ['step', 4, '15 plus 7 gives 22 .'],
    ['reflection', 4, 'But wait, are we solving the problem correctly so far? Hmm...'],
    ['negative', 4, 'Our solution does not reach the target.'],
    ['backtrack', 1, "Let's go back to where we had 15 ."],
    ['step', 6, '15 minus 7 gives 8 .'],
    ['reflection', 6, 'But wait, are we solving the problem correctly so far? Hmm...'],
    ['negative', 6, 'Our solution does not reach the target.'],
    ['restart', 0, "Let's restart our solution from the beginning."],
    ['step', 2, '3 times 7 gives 21 .'],
    ['step', 9, '21 plus 5 gives 26 .'],
    ['reflection', 9, 'But wait, are we solving the problem correctly so far? Hmm...'],
    ['positive', 9, 'Our solution seems to be correct so far.'],
    ['answer', 9, 'Final answer: 3 * 7 = 21 , 21 + 5 = 26'],
  ]);

const directSolution = (id: string): Solution =>
  aSolution(aProblem(id), 0, [
    ['step', 2, '3 times 7 gives 21 .'],
    ['answer', 9, 'Final answer: 3 * 7 = 21 , 21 + 5 = 26'],
  ]);

/** A trace of which the rewriting lost a number. */
const aDrop = (at: number): DroppedTrace => ({ id: `d${at}`, k: 1, source: 'test', reason: 'numbers' });

/** A whole campaign as the report reads it. */
export function aCampaign(options: SyntheticOptions = {}): CampaignData {
  const { arms = ['astro', 'direct'], rlSteps = 100, problems = 200 } = options;
  const solutions = (arm: string) => [
    ...Array.from({ length: 40 }, (_, at) => directSolution(`s${at}`)),
    ...(arm === 'astro' ? Array.from({ length: 60 }, (_, at) => searchSolution(`t${at}`)) : []),
  ];
  const names: [string, StageKind][] = [
    ['prepare', 'prepare'],
    ['pretrain', 'pretrain'],
    ['evaluate-base', 'evaluate'],
    ['search', 'search'],
    ...arms.flatMap((arm): [string, StageKind][] => [
      [`${arm}/linearise`, 'linearise'],
      [`${arm}/rewrite`, 'rewrite'],
      [`${arm}/sft`, 'sft'],
      [`${arm}/evaluate-sft`, 'evaluate'],
      [`${arm}/curriculum`, 'curriculum'],
      [`${arm}/rl`, 'rl'],
      [`${arm}/evaluate-rl`, 'evaluate'],
    ]),
  ];
  const manifests = new Map(names.map(([name, kind], at) => [name, manifestOf(name, kind, at)]));
  const finished = <T>(kinds: readonly StageKind[], records: (name: string) => readonly T[]) =>
    names
      .filter(([, kind]) => kinds.includes(kind))
      .map(([name]) => ({ name, manifest: manifests.get(name)!, records: records(name) }));
  const armOf = (name: string) => name.split('/')[0] ?? '';
  return {
    stage: analyseStage(arms, manifests, options.resamples ?? 500),
    manifests,
    dataCard: aDataCard(),
    evaluations: finished(['evaluate'], (name) => completionsOf(name, { ...options, problems })),
    trainings: finished(['pretrain', 'sft', 'rl'], (name) => metricsOf(name, name.endsWith('/rl') ? rlSteps : 60)),
    curricula: finished(['curriculum'], (name) => passRatesOf(name, 160)),
    rewrites: finished(['rewrite'], (name) => solutions(armOf(name))),
    drops: new Map([['astro/rewrite', [0, 1, 2].map(aDrop)]]),
  };
}

function analyseStage(
  arms: readonly string[],
  manifests: ReadonlyMap<string, Manifest>,
  resamples: number,
): StageFileOf<'analyse'> {
  return {
    schemaVersion: 1,
    kind: 'analyse',
    name: 'analyse',
    key: sha('analyse'),
    seed: 7,
    domain: { name: 'countdown', settings: { maxTarget: 40 } },
    policy: { type: 'pretrain', name: 'tiny' },
    codeVersion: sha('code'),
    inputs: Object.fromEntries([...manifests].map(([name, { kind, key, digest }]) => [name, { kind, key, digest }])),
    config: STAGE_CONFIGS.analyse.parse({ bootstrapResamples: resamples, solutionGraphs: 4 }),
    arms: [...arms],
  };
}

const COUNTS: Readonly<Partial<Record<StageKind, Record<string, number>>>> = {
  search: {
    problems: 800,
    solved: 612,
    iterations: 12_800,
    nodes: 51_204,
    terminals: 9_120,
    right: 2_044,
    completionTokens: 812_004,
  },
  linearise: { problems: 800, solved: 612, accepted: 540, rejectedBySelfEvaluation: 131, traces: 1_480 },
  rewrite: { traces: 1_480, solutions: 1_401, droppedLostNumbers: 61, droppedLeakedVerdict: 18 },
  evaluate: { problems: 200, completions: 800 },
};

function manifestOf(name: string, kind: StageKind, at: number): Manifest {
  const seconds = kind === 'rl' ? 110 : kind === 'search' ? 62 : 9 + (at % 5) * 3;
  return {
    schemaVersion: 2,
    kind,
    name,
    key: sha(`key ${name}`),
    digest: sha(`digest ${name}`),
    checksum: sha(`checksum ${name}`),
    identity: {
      kind,
      config: kind === 'curriculum' ? { samplesPerPrompt: 8, passRate: { min: 0.1, max: 0.75 } } : {},
      inputs: {},
      seed: 7,
      codeVersion: sha('code'),
    },
    inputs: {},
    attempt: name === 'astro/rl' ? 1 : 0,
    parts: kind === 'search' ? 2 : 1,
    files: [],
    counts: COUNTS[kind] ?? {},
    startedAt: new Date(START + at * 20_000).toISOString(),
    finishedAt: new Date(START + at * 20_000 + seconds * 1000).toISOString(),
  };
}

const SKILL: Readonly<Record<string, number>> = {
  'evaluate-base': 0.33,
  'astro/evaluate-sft': 0.41,
  'astro/evaluate-rl': 0.58,
  'direct/evaluate-sft': 0.42,
  'direct/evaluate-rl': 0.52,
};

function completionsOf(name: string, options: SyntheticOptions & { problems: number }): EvaluatedCompletion[] {
  const { problems, samples = 4, benchmarks = ['held-out'], skill = SKILL } = options;
  const next = random(seedFor('completions', name));
  const searches = name.startsWith('astro');
  return benchmarks.flatMap((benchmark) =>
    Array.from({ length: problems }).flatMap((_, problem) => {
      const ease = random(seedFor('ease', benchmark, problem))(); // problems are easy or hard for all alike
      return Array.from({ length: samples + 1 }, (_, sample): EvaluatedCompletion => {
        const right = next() < (skill[name] ?? 0.5) * (0.5 + ease);
        const backtracks = searches ? Math.floor(next() * (right ? 3 : 4)) : 0;
        return aCompletion({
          benchmark,
          problemId: `p${problem}`,
          sample: sample - 1,
          mode: sample === 0 ? 'greedy' : 'sampled',
          text: searches && backtracks > 0 ? BACKTRACKING_TEXT : aCompletion().text,
          verdict: right ? 'right' : 'wrong',
          answer: right ? '26' : `wrong ${Math.floor(next() * 5)}`,
          tokens: 24 + 18 * backtracks + Math.floor(next() * 6),
          finishReason: next() < 0.02 ? 'length' : 'stop',
          backtracks,
        });
      });
    }),
  );
}

function metricsOf(name: string, steps: number): TrainingMetric[] {
  const next = random(seedFor('metrics', name));
  const searches = name.startsWith('astro');
  return Array.from({ length: steps }, (_, at): TrainingMetric => {
    const rising = 1 - Math.exp(-(at + 1) / (steps / 2.5));
    const base = { optimizerStep: at + 1, attempt: 0, loss: 2.2 * Math.exp(-at / 20) + 0.4 + 0.05 * next() };
    if (!name.endsWith('/rl')) return base;
    return {
      ...base,
      loss: 0.02 * (next() - 0.5),
      reward: -0.35 + 0.5 * rising + 0.12 * (next() - 0.5) + (searches ? 0.05 : 0),
      completionTokens: searches ? 40 + 22 * rising + 5 * (next() - 0.5) : 25 + next(),
      backtracks: searches ? 0.7 + 1.4 * rising + 0.4 * (next() - 0.5) : 0,
    };
  });
}

function passRatesOf(name: string, prompts: number): PassRate[] {
  const next = random(seedFor('pass rates', name));
  return Array.from({ length: prompts }, (_, at): PassRate => {
    const right = Math.min(8, Math.floor(9 * next() ** (name.startsWith('astro') ? 1.3 : 1.7)));
    const passRate = right / 8;
    const reason = passRate < 0.1 ? 'too-hard' : passRate > 0.75 ? 'too-easy' : 'kept';
    const problem = aProblem(`c${at}`);
    return {
      problem,
      prompt: problem.problem,
      samples: 8,
      right,
      unjudged: 0,
      passRate,
      kept: reason === 'kept',
      reason,
    };
  });
}

/** A card of 12 records, of which one is bad, one is equal to another, and one is a benchmark's. */
const aDataCard = (): DataCard => {
  const step = (name: DataCard['sets'][number]['steps'][number]['step'], count: number) => ({
    step: name,
    count,
    bySource: { 'train/algebra': count - 2, 'train/geometry': 2 },
    byLevel: { '1': count },
  });
  return {
    schemaVersion: 1,
    seed: 7,
    files: [],
    suspects: 3,
    setAside: { 'bad-record': 1 },
    rules: { checkedByVerifier: true, nearDuplicates: null, decontamination: null },
    sets: [
      { set: 'search', steps: [step('records', 12), step('problems', 11), step('unequal', 10), step('kept', 9)] },
      { set: 'curriculum', steps: [step('kept', 9)] },
      { set: 'benchmarks', steps: [step('kept', 4)] },
    ],
  };
};
