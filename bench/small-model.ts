/**
 * Search, linearise and rewrite with a real small model, without Temporal: the stage programs one after the other, on problems of GSM8K test
 * and MATH-500, against a policy server that runs already. By hand; says what every stage counted.
 *
 *     node bench/small-model.ts --url http://127.0.0.1:8000 --model DIR [--python python3] [--problems 12] [--out FILE.md]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FILES, type ManifestRef, partFile, type StageKind } from '../spec/index.ts';
import { sealStage } from '../store/index.ts';
import { startStage } from '../tests/support/stage-process.ts';
import { finishedStage, plannedStage } from '../tests/support/stored-stage.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8000' },
    model: { type: 'string', default: '.orrery/models/smollm2-135m-instruct' },
    python: { type: 'string', default: join(PROJECT, '.venv/bin/python') },
    problems: { type: 'string', default: '12' },
    candidates: { type: 'string', default: '4' },
    rollouts: { type: 'string', default: '2' },
    iterations: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
});
const store = mkdtempSync(join(tmpdir(), 'orrery-small-model-'));
const policy = { type: 'pretrained', name: 'small', uri: options.model, revision: 'local' };
const lines: string[] = [];

/** Runs a stage to its manifest and notes its counts. */
async function run(
  name: string,
  kind: StageKind,
  config: object,
  inputs: Record<string, ManifestRef>,
): Promise<{ ref: ManifestRef; dir: string }> {
  const sketch = { kind, config: { ...config }, inputs, domain: { name: 'math' }, policy };
  const { stage, dir, path } = await plannedStage(store, sketch, name);
  const startedAt = new Date().toISOString();
  const env = {
    ORRERY_PYTHON: options.python,
    ORRERY_DOMAINS: join(PROJECT, 'domains'),
    NODE_COMPILE_CACHE: undefined,
  };
  const { code, stderr } = await startStage(path, { store, policyUrl: options.url, env }).ended;
  if (code !== 0) throw new Error(`${name} ended with exit code ${code}: ${stderr.slice(-1000)}`);
  const finishedAt = new Date().toISOString();
  const manifest = await sealStage(store, stage, 1, 0, { startedAt, finishedAt });
  const seconds = ((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000).toFixed(0);
  const counts = Object.entries(manifest.counts).map(([count, value]) => `${count} ${value}`);
  lines.push(`| ${name} | ${seconds} s | ${counts.join(', ')} |`);
  return { ref: { kind, key: manifest.key, digest: manifest.digest }, dir };
}

const problems = ['gsm8k-test', 'math500'].flatMap((source) =>
  readFileSync(join(PROJECT, 'data/benchmarks', `${source}.jsonl`), 'utf8')
    .trim()
    .split('\n')
    .slice(0, Number(options.problems))
    .map((line) => JSON.parse(line) as { id: string; problem: string; answer: string; level?: number })
    .map(({ id, problem, answer, level }) => ({
      ...{ id, problem, reference: answer, source },
      ...(level === undefined ? {} : { level: String(level) }),
    })),
);
try {
  const data = { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 };
  const prompts = await finishedStage(store, { kind: 'prepare', data }, { [FILES.prepare.search]: problems });
  const [candidates, rollouts, iterations] = [options.candidates, options.rollouts, options.iterations].map(Number);
  const limits = { maxStepTokens: 96, maxRolloutTokens: 200 };
  const { ref: trees } = await run('search', 'search', { candidates, rollouts, iterations, ...limits }, { prompts });
  for (const selfEvaluations of [8, 0]) {
    const name = `N = ${selfEvaluations}`;
    const { ref: traces } = await run(`linearise, ${name}`, 'linearise', { selfEvaluations }, { trees });
    const { dir } = await run(`rewrite, ${name}`, 'rewrite', { maxStepTokens: 96 }, { traces });
    const written = readFileSync(join(dir, 'data', partFile(FILES.rewrite.solutions, 0)), 'utf8').trim();
    for (const line of written === '' ? [] : written.split('\n').slice(0, 2)) {
      const { id, text } = JSON.parse(line) as { id: string; text: string };
      lines.push('', `<!-- ${id} -->`, '', text.replace(/^/gm, '> '), '');
    }
  }
} finally {
  rmSync(store, { recursive: true, force: true });
  const page = [
    `${problems.length} problems`,
    '',
    '| stage | took | counts |',
    '| --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
  console.log(page);
  if (options.out !== undefined) writeFileSync(options.out, page);
}
