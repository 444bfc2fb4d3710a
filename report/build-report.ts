import { random, seedFor } from '../stages/runtime/random.ts';
import { armOf, type CampaignData } from './campaign-data.ts';
import { curatedCard } from './curated-card.ts';
import { compare, pairsToCompare } from './facts/comparisons.ts';
import { curriculumFacts } from './facts/curriculum.ts';
import { correlationOverProblems, correlationOverSteps, curveOf } from './facts/curves.ts';
import { headlineOf } from './facts/headline.ts';
import { benchmarksOf, type Evaluation, evaluationOf, type Intervals, resultRow } from './facts/results.ts';
import { sameWeights } from './facts/same-weights.ts';
import { chooseGraphs, fromCompletions, fromSolutions } from './graphs/choose.ts';
import type { CompletionDomain } from './graphs/segments.ts';
import type { CloningFacts, Report, TrainingCurve } from './report-schema.ts';

/**
 * Computes every number of the report. Pure: the same campaign gives the same report, to the last digit of every
 * interval.
 */
export function buildReport(data: CampaignData, domain: CompletionDomain): Report {
  const { stage } = data;
  const { confidence, bootstrapResamples, solutionGraphs } = stage.config;
  const intervals: Intervals = {
    confidence,
    resamples: bootstrapResamples,
    randomFor: (...purpose) => random(seedFor(stage.seed, 'bootstrap', ...purpose)),
  };
  const evaluations = inOrder(data, stage.arms);
  const benchmarks = benchmarksOf(evaluations);
  const results = benchmarks.flatMap((benchmark) =>
    evaluations.map((evaluation) => resultRow(evaluation, benchmark, intervals)),
  );
  const comparisons = benchmarks.flatMap((benchmark) =>
    pairsToCompare(evaluations, stage.arms).map(({ about, first, second }) =>
      compare(about, first, second, benchmark, intervals),
    ),
  );
  const curves = data.trainings.map(
    ({ name, manifest, records }): TrainingCurve => ({
      stage: name,
      arm: armOf(name),
      kind: manifest.kind as TrainingCurve['kind'], // readCampaign reads only these three kinds as trainings
      points: curveOf(records),
    }),
  );
  const headline = headlineOf(results, comparisons, confidence);
  const same = sameWeights(data.manifests);
  const afterRl = evaluations.filter(({ phase }) => phase === 'rl');
  return {
    schemaVersion: 1,
    key: stage.key,
    domain: stage.domain,
    policy: stage.policy,
    seed: stage.seed,
    arms: stage.arms,
    codeVersion: stage.codeVersion,
    confidence,
    bootstrapResamples,
    headline: { ...headline, details: [...same.map(({ sentence }) => sentence), ...headline.details] },
    results,
    comparisons,
    curves,
    correlations: stage.arms.flatMap((arm) => [
      ...curves
        .filter((curve) => curve.kind === 'rl' && curve.arm === arm)
        .map((curve) => correlationOverSteps({ ...curve, arm }, confidence)),
      ...afterRl
        .filter((evaluation) => evaluation.arm === arm)
        .map((evaluation) => correlationOverProblems({ ...evaluation, arm }, confidence)),
    ]),
    curriculum: data.curricula.map(({ name, manifest, records }) =>
      curriculumFacts(armOf(name) ?? name, manifest.identity.config, records),
    ),
    data: data.dataCard,
    search: [...data.manifests.values()].find(({ kind }) => kind === 'search')?.counts ?? null,
    cloning: stage.arms.map((arm) => cloningFacts(arm, data)),
    curated: data.rewrites.map(({ name, manifest, records }) =>
      curatedCard(name, manifest.identity.seed, records, data.drops.get(name) ?? []),
    ),
    graphs: chooseGraphs(
      [
        data.rewrites.flatMap(({ name, records }) => fromSolutions(name, records)),
        afterRl.flatMap(({ stage: name, completions }) => fromCompletions(name, completions, domain)),
      ],
      solutionGraphs,
      random(seedFor(stage.seed, 'solution graphs')),
    ),
    sameWeights: same,
    stages: [...data.manifests].map(([name, { kind, digest, counts }]) => ({ name, kind, digest, counts })),
  };
}

/** Evaluations in the order of the results table: base, then SFT and RL of each arm. */
function inOrder(data: CampaignData, arms: readonly string[]): Evaluation[] {
  const found = data.evaluations.flatMap(({ name, records }) => evaluationOf(name, records) ?? []);
  const place = ({ arm, phase }: Evaluation) =>
    (arm === null ? -1 : arms.indexOf(arm)) * 3 + ['base', 'sft', 'rl'].indexOf(phase);
  return found.toSorted((a, b) => place(a) - place(b));
}

function cloningFacts(arm: string, data: CampaignData): CloningFacts {
  const solutions = data.rewrites.find(({ name }) => name === `${arm}/rewrite`)?.records ?? [];
  const byK = Map.groupBy(solutions, ({ k }) => k);
  return {
    arm,
    linearise: data.manifests.get(`${arm}/linearise`)?.counts ?? null,
    rewrite: data.manifests.get(`${arm}/rewrite`)?.counts ?? null,
    solutionsByK: Object.fromEntries(
      [...byK].toSorted(([a], [b]) => a - b).map(([k, group]) => [String(k), group.length]),
    ),
  };
}
