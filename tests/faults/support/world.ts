import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  FILES,
  type Manifest,
  type ManifestRef,
  type Problem,
  partFile,
  type StageFile,
  type StageKind,
} from '../../../spec/index.ts';
import { PROJECT } from '../../../stages/runtime/python.ts';
import { referTo, sealStage } from '../../../store/index.ts';
import { type FakePolicyServer, type Reply, startFakePolicyServer } from '../../support/fake-policy-server.ts';
import { type StagePod, startStage } from '../../support/stage-process.ts';
import { finishedStage, plannedStage } from '../../support/stored-stage.ts';
import { answer } from '../../support/toy-countdown.ts';

/**
 * A small campaign over countdown for tests of faults: real stage programs in processes of their own, the real
 * verifier, a store on disk. The policy is a fake (`toy-countdown.ts`), because its answers are known and quick. It
 * always gives the same completions for the same request, so tests can compare bytes. `stages-real-policy.test.ts` uses
 * a real policy.
 */

/** Kinds that keep a journal. */
export const JOURNALLED = ['search', 'linearise', 'rewrite', 'curriculum', 'evaluate'] as const;
export type Journalled = (typeof JOURNALLED)[number];

const DOMAIN = { name: 'countdown' };
const DATA = { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 };

/** Stall limit. All shorter limits are shares of it. */
export const STALL_SECONDS = 24;
const run = { stallTimeoutSeconds: STALL_SECONDS };

const CONFIGS: { readonly [K in Journalled]: Record<string, unknown> } = {
  search: { candidates: 5, rollouts: 2, iterations: 12, cPuct: 4, problemsInFlight: 2, run },
  linearise: { selfEvaluations: 2, run },
  rewrite: { attemptsPerStep: 8, solutionsInFlight: 2, run },
  curriculum: { samplesPerPrompt: 4, targetPrompts: 6, problemsInFlight: 2, run },
  evaluate: { samplesPerProblem: 6, problemsInFlight: 2, run },
};

export const OUTPUTS: { readonly [K in Journalled]: string } = {
  search: `data/${partFile(FILES.search.trees, 0)}`,
  linearise: `data/${partFile(FILES.linearise.traces, 0)}`,
  rewrite: `data/${partFile(FILES.rewrite.solutions, 0)}`,
  curriculum: `data/${partFile(FILES.curriculum.passRates, 0)}`,
  evaluate: `data/${partFile(FILES.evaluate.completions, 0)}`,
};

/** Problems `Use a b c to make t :` that addition alone solves, so that random play solves many of them. */
export function countdownProblems(count: number): Problem[] {
  return Array.from({ length: count }, (_, index) => {
    const [a, b, c] = [1 + (index % 9), 2 + ((index * 5) % 7), 3 + ((index * 3) % 11)];
    const problem = `Use ${a} ${b} ${c} to make ${a + b + c} :`;
    return { id: `p${index}`, problem, reference: String(a + b + c), source: 'countdown' };
  });
}

const reply: Reply = ({ prompt, stop, seed }, index) =>
  answer({ prompt, seed, ...(Array.isArray(stop) && { stop: stop as string[] }) }, index).text;

export const startCountdownPolicy = (): Promise<FakePolicyServer> => startFakePolicyServer(reply);

/** A planned stage, and the actions of a test on it. */
export interface FaultStage {
  readonly kind: Journalled;
  readonly stage: StageFile;
  readonly dir: string;
  readonly path: string;
  /** Starts an attempt. */
  start(pod?: Partial<StagePod>): ReturnType<typeof startStage>;
  /** Seals it, as the worker does. */
  seal(attempt: number): Promise<Manifest>;
  output(): Promise<string>;
}

/** The result of an undisturbed run of a stage. */
export interface Calm {
  readonly manifest: Manifest;
  readonly output: string;
}

export interface World {
  readonly store: string;
  /** The undisturbed run of this kind. It runs at the first call. */
  calm(kind: Journalled): Promise<Calm>;
  /** Plans a stage of this kind over the inputs of the world. Another tag makes another stage of the same work. */
  plan(kind: Journalled, tag: string, config?: Record<string, unknown>): Promise<FaultStage>;
}

/**
 * Plans the same stages over the same problems in a store.
 * @param problems - prompts of curriculum and evaluation
 * @param configs - settings of all stages of a kind; they override those above
 */
export async function aWorld(
  store: string,
  policyUrl: string,
  problems = 16,
  configs: { readonly [K in Journalled]?: Record<string, unknown> } = {},
): Promise<World> {
  const [all, searched] = [countdownProblems(problems), countdownProblems(10)];
  const prompts = await finishedStage(
    store,
    { kind: 'prepare', data: DATA, domain: DOMAIN },
    { [FILES.prepare.search]: searched, [FILES.prepare.curriculum]: all, [FILES.prepare.benchmarks]: all },
  );
  const made = new Map<StageKind, Promise<Calm>>();

  async function plan(kind: Journalled, tag: string, config: Record<string, unknown> = {}): Promise<FaultStage> {
    const sketch = {
      kind,
      domain: DOMAIN,
      config: { ...CONFIGS[kind], ...configs[kind], ...config },
      inputs: await inputsOf(kind),
    };
    const { stage, dir, path } = await plannedStage(store, sketch, tag);
    return {
      kind,
      stage,
      dir,
      path,
      start: (pod = {}) =>
        startStage(path, { store, policyUrl, ...pod, env: { ORRERY_DOMAINS: join(PROJECT, 'domains'), ...pod.env } }),
      async seal(attempt) {
        return await sealStage(store, stage, 1, attempt, { hash: true });
      },
      output: () => readFile(join(dir, OUTPUTS[kind]), 'utf8'),
    };
  }

  async function inputsOf(kind: Journalled): Promise<Record<string, ManifestRef>> {
    if (kind === 'linearise') return { trees: await resultOf('search') };
    if (kind === 'rewrite') return { traces: await resultOf('linearise') };
    return { prompts };
  }

  async function resultOf(kind: Journalled): Promise<ManifestRef> {
    return referTo((await calm(kind)).manifest);
  }

  function calm(kind: Journalled): Promise<Calm> {
    const before = made.get(kind);
    if (before !== undefined) return before;
    const making = (async () => {
      const stage = await plan(kind, 'calm');
      const end = await stage.start().ended;
      if (end.code !== 0) throw new Error(`${kind} ended with ${end.code}: ${end.stderr}${end.stdout}`);
      return { manifest: await stage.seal(0), output: await stage.output() };
    })();
    made.set(kind, making);
    return making;
  }
  return { store, plan, calm };
}
