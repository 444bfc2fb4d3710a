/**
 * Search, linearise and rewrite with a real small model, without Temporal: the stage programs one after the other, on
 * easy problems of GSM8K test and MATH-500, against a policy server that runs already. It runs best-of-N on all
 * problems, then the tree search on those that best-of-N solved, because an unsolved problem gives no trace. Run it by
 * hand. It prints the counts of every stage and some solutions.
 *
 *     node bench/small-model.ts --url http://127.0.0.1:8000 --model DIR [--problems 12] [--store DIR] [--out FILE.md]
 *
 * With `--store` it continues where an earlier run with equal options stopped, and repeats no work.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tableOf } from '../dev/markdown.ts';
import { type Counts, FILES, type ManifestRef, partFile, type StageKind, Tree } from '../spec/index.ts';
import { readManifest, referTo, sealStage } from '../store/index.ts';
import { startStage } from '../tests/support/stage-process.ts';
import { finishedStage, plannedStage } from '../tests/support/stored-stage.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8000' },
    model: { type: 'string', default: '.orrery/models/smollm2-135m-instruct' },
    python: { type: 'string', default: join(PROJECT, '.venv/bin/python') },
    /** Problems per set: the shortest statements of GSM8K test, and of level 1 of MATH-500. */
    problems: { type: 'string', default: '12' },
    candidates: { type: 'string', default: '4' },
    rollouts: { type: 'string', default: '2' },
    iterations: { type: 'string', default: '24' },
    samples: { type: 'string', default: '16' },
    temperature: { type: 'string', default: '0.7' },
    store: { type: 'string' },
    out: { type: 'string' },
  },
});
const store = options.store ?? mkdtempSync(join(tmpdir(), 'orrery-small-model-'));
// Used as a base model: it continues the few-shot examples.
const policy = { type: 'pretrained', name: 'small', uri: options.model, revision: 'local', chat: 'none' };
const SELF_EVALUATIONS = [8, 2, 0];
/** Such a weak model loses or invents a number in most attempts. */
const REWRITE = { maxStepTokens: 96, attemptsPerStep: 12, temperature: 0.4 };
const rows: string[][] = [];
interface Ran {
  readonly ref: ManifestRef;
  readonly dir: string;
}

/** Runs a stage until it has a manifest, and records its counts. */
async function run(name: string, kind: StageKind, config: object, inputs: Record<string, ManifestRef>): Promise<Ran> {
  const sketch = { kind, config: { ...config }, inputs, domain: { name: 'math' }, policy };
  const { stage, dir, path } = await plannedStage(store, sketch, name);
  let manifest = readManifest(dir);
  if (manifest === null) {
    const env = {
      ORRERY_PYTHON: options.python,
      ORRERY_DOMAINS: join(PROJECT, 'domains'),
      NODE_COMPILE_CACHE: undefined,
    };
    const { code, stderr } = await startStage(path, { store, policyUrl: options.url, env }).ended;
    if (code !== 0) throw new Error(`${name} ended with exit code ${code}: ${stderr.slice(-1000)}`);
    manifest = await sealStage(store, stage, 1, 0);
  }
  const seconds = ((Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt)) / 1000).toFixed(0);
  rows.push([name, `${seconds} s`, countsText(manifest.counts)]);
  return { ref: referTo(manifest), dir };
}

const countsText = (counts: Counts): string =>
  Object.entries(counts)
    .flatMap(([count, value]) => (value === 0 ? [] : [`${count} ${value}`]))
    .join(', ') || 'nothing';

/** Shortest statements first, because GSM8K has no other measure of difficulty. */
function easiest(source: string, isWanted: (problem: { level?: number }) => boolean) {
  return readFileSync(join(PROJECT, 'data/benchmarks', `${source}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; problem: string; answer: string; level?: number })
    .filter(isWanted)
    .toSorted((a, b) => a.problem.length - b.problem.length)
    .slice(0, Number(options.problems))
    .map(({ id, problem, answer, level }) => ({
      id,
      problem,
      reference: answer,
      source,
      ...(level === undefined ? {} : { level: String(level) }),
    }));
}

/** Solutions to read: the first of every k. */
function samplesIn(dir: string): string[] {
  const text = readFileSync(join(dir, 'data', partFile(FILES.rewrite.solutions, 0)), 'utf8').trim();
  const solutions = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { id: string; k: number; text: string; problem: { problem: string } });
  return [...Map.groupBy(solutions, ({ k }) => k).values()].flatMap(([first]) => [
    `\`${first!.id}\`, k = ${first!.k}: ${first!.problem.problem.replaceAll('\n', ' ')}`,
    '',
    first!.text.trim().replace(/^/gm, '> '),
    '',
  ]);
}

const samples: string[] = [];

function prepared(problems: readonly unknown[]): Promise<ManifestRef> {
  const data = { type: 'generated', searchProblems: problems.length, curriculumPrompts: 1, benchmarkProblems: 1 };
  return finishedStage(store, { kind: 'prepare', data }, { [FILES.prepare.search]: problems });
}

function isSolvedIn(dir: string, problem: string): boolean {
  const trees = readFileSync(join(dir, 'data', partFile(FILES.search.trees, 0)), 'utf8')
    .trim()
    .split('\n');
  return trees
    .map((line) => Tree.parse(JSON.parse(line)))
    .some((tree) => tree.problem.id === problem && tree.nodes.some(({ terminal, reward }) => terminal && reward === 1));
}

/** Linearises and rewrites the trees of a method, with and without self-evaluation. */
async function cloned(method: string, trees: ManifestRef): Promise<void> {
  for (const selfEvaluations of SELF_EVALUATIONS) {
    const name = `${method}, N = ${selfEvaluations}`;
    const { ref: traces } = await run(`linearise, ${name}`, 'linearise', { selfEvaluations }, { trees });
    const { dir } = await run(`rewrite, ${name}`, 'rewrite', REWRITE, { traces });
    const written = samplesIn(dir);
    if (written.length > 0) samples.push(`### ${name}`, '', ...written);
  }
}

try {
  const problems = [
    ...easiest('gsm8k-test', () => true),
    ...easiest('math500', ({ level }: { level?: number }) => level === 1),
  ];
  const [candidates, rollouts, iterations] = [options.candidates, options.rollouts, options.iterations].map(Number);
  const sampling = { maxStepTokens: 64, maxRolloutTokens: 128, temperature: Number(options.temperature) };
  const bestOfN = { method: 'best-of-n', samples: Number(options.samples), ...sampling };
  const trees = await run('search, best-of-n', 'search', bestOfN, { prompts: await prepared(problems) });
  await cloned('best-of-n', trees.ref);
  const solved = problems.filter(({ id }) => isSolvedIn(trees.dir, id));
  if (solved.length > 0) {
    const mcts = { candidates, rollouts, iterations, ...sampling };
    const { ref } = await run('search, mcts', 'search', mcts, { prompts: await prepared(solved) });
    await cloned('mcts', ref);
  }
} finally {
  if (options.store === undefined) rmSync(store, { recursive: true, force: true });
  const page = [tableOf(['stage', 'took', 'counts that are not 0'], rows), '', ...samples].join('\n');
  console.log(page);
  if (options.out !== undefined) writeFileSync(options.out, page);
}
