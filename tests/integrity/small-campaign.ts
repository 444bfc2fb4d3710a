import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { publishCampaign } from '../../activities/publish.ts';
import {
  type CampaignStatus,
  type Counts,
  FILES,
  type ManifestRef,
  parseOrRefuse,
  partFile,
  StageFile,
  type StageKind,
} from '../../spec/index.ts';
import { analyse } from '../../stages/analyse/program.ts';
import { inputFiles } from '../../stages/io/inputs.ts';
import { StageExit } from '../../stages/runtime/exits.ts';
import { isPublished, publish } from '../../stages/runtime/publish.ts';
import { runStage } from '../../stages/runtime/run.ts';
import {
  CorruptFileError,
  dataDir,
  readPart,
  readStageFile,
  referTo,
  repairInput,
  sealStage,
  stageDir,
  stageKey,
  validResult,
  writeStageFile,
} from '../../store/index.ts';
import { aCampaignStatus, aStage } from '../support/builders.ts';
import { aCampaign } from '../support/campaign-data.ts';

/**
 * A campaign with two arms, without Temporal and without pods. It calls the functions of the activities and of the
 * stage runtime one after the other. The programs are fakes that write made-up records, because a thousand campaigns
 * must run in seconds. The analysis is the real one, computed once per key, because the key determines its output.
 */

const SILENT = pino({ level: 'silent' });
/** More runs of one stage in one campaign are a loop. */
const MAX_RUNS = 4;

interface Slot {
  readonly name: string;
  readonly kind: StageKind;
  /** Role -> stage and the file that the program reads from it. */
  readonly reads: Readonly<Record<string, readonly [stage: string, file: string]>>;
  readonly files: Readonly<Record<string, string>>;
}

const jsonl = (records: readonly unknown[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('');

/** Stages in the order in which they run; the last one is the analysis. */
function slots(): Slot[] {
  const data = aCampaign({ problems: 4, samples: 2, rlSteps: 3, resamples: 100 });
  const records = (of: readonly { name: string; records: readonly unknown[] }[], name: string) =>
    jsonl((of.find((one) => one.name === name)?.records ?? []).slice(0, 30));
  const part = (file: string) => `data/${partFile(file, 0)}`;
  const trained = (name: string) => ({
    'data/policy/model.safetensors': `weights of ${name}`,
    'data/policy/config.json': '{"layers": 1}',
    [`data/${FILES.trainer.metrics}`]: records(data.trainings, name),
  });
  const evaluation = (name: string, policy: string): Slot => ({
    name,
    kind: 'evaluate',
    reads: { policy: [policy, FILES.trainer.metrics], benchmarks: ['prepare', FILES.prepare.benchmarks] },
    files: { [part(FILES.evaluate.completions)]: records(data.evaluations, name) },
  });
  const arm = (of: string): Slot[] => [
    {
      name: `${of}/rewrite`,
      kind: 'rewrite',
      reads: { trees: ['search', FILES.search.trees] },
      files: {
        [part(FILES.rewrite.solutions)]: records(data.rewrites, `${of}/rewrite`),
        [part(FILES.rewrite.dropped)]: jsonl(data.drops.get(`${of}/rewrite`) ?? []),
      },
    },
    {
      name: `${of}/sft`,
      kind: 'sft',
      files: trained(`${of}/sft`),
      reads: {
        policy: ['pretrain', FILES.trainer.metrics],
        solutions: [`${of}/rewrite`, FILES.rewrite.solutions],
      },
    },
    evaluation(`${of}/evaluate-sft`, `${of}/sft`),
    {
      name: `${of}/rl`,
      kind: 'rl',
      reads: { policy: [`${of}/sft`, FILES.trainer.metrics] },
      files: trained(`${of}/rl`),
    },
    evaluation(`${of}/evaluate-rl`, `${of}/rl`),
  ];
  return [
    {
      name: 'prepare',
      kind: 'prepare',
      reads: {},
      files: { [`data/${FILES.prepare.search}`]: '{"id":"p"}\n', [`data/${FILES.prepare.benchmarks}`]: '{"id":"b"}\n' },
    },
    { name: 'pretrain', kind: 'pretrain', reads: {}, files: trained('pretrain') },
    evaluation('evaluate-base', 'pretrain'),
    {
      name: 'search',
      kind: 'search',
      reads: { problems: ['prepare', FILES.prepare.search] },
      files: { [part(FILES.search.trees)]: '{"tree":1}\n' },
    },
    ...arm('astro'),
    ...arm('direct'),
  ];
}

const COUNTS: Readonly<Partial<Record<StageKind, Record<string, number>>>> = {
  search: { problems: 800, solved: 240 },
  rewrite: { traces: 100, solutions: 90 },
  evaluate: { problems: 4, accuracy: 1 / 3 },
};

export interface SmallCampaign {
  /** Results by stage, from the last run. */
  readonly results: ReadonlyMap<string, ManifestRef>;
  /** Messages about damaged files. */
  readonly messages: readonly string[];
  /**
   * Runs a campaign to its published report.
   * @param between - called with the name of each finished stage; it may do damage
   */
  run(between?: (name: string) => Promise<void>): Promise<{ html: string; json: string }>;
}

/** @param store - folder of the store. All runs of the campaign use the same spec */
export function smallCampaign(store: string, id = 'small'): SmallCampaign {
  const all = slots();
  const reports = new Map<string, { files: Record<string, string>; counts: Counts }>();
  const results = new Map<string, ManifestRef>();
  const messages: string[] = [];
  const report = (why: string, then: string) => void messages.push(`${then}: ${why}`);

  function planned(slot: Slot | 'analyse'): StageFile {
    const inputs = Object.fromEntries(
      slot === 'analyse'
        ? all.map(({ name }) => [name, results.get(name)])
        : Object.entries(slot.reads).map(([role, [name]]) => [role, results.get(name)]),
    );
    const asked = {
      schemaVersion: 1,
      key: '0'.repeat(64),
      seed: 7,
      codeVersion: 'test',
      inputs,
      domain: { name: 'countdown', settings: {} },
      policy: { type: 'pretrain', name: 'tiny' },
      ...(slot === 'analyse'
        ? { kind: slot, name: slot, arms: ['astro', 'direct'], config: { bootstrapResamples: 100, solutionGraphs: 1 } }
        : // A code version per stage distinguishes the stages of the two arms, which read the same inputs.
          { kind: slot.kind, name: slot.name, config: {}, codeVersion: `test ${slot.name}` }),
      ...(slot !== 'analyse' &&
        slot.kind === 'prepare' && {
          data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
        }),
    };
    const stage = parseOrRefuse(StageFile, asked, 'the stage file of the test');
    return { ...stage, key: stageKey(stage) };
  }

  /**
   * Runs a stage as the workflow does: resolve, check the inputs, run, seal. Damage is followed by another run, a few
   * times.
   */
  async function runOne(slot: Slot | 'analyse'): Promise<ManifestRef> {
    const stage = planned(slot);
    const dir = stageDir(store, stage.key);
    for (let runs = 0; runs < MAX_RUNS; runs++) {
      const finished = await validResult(store, stage, report);
      if (finished !== null) return referTo(finished);
      await writeStageFile(store, stage);
      for (const input of Object.values(stage.inputs)) await repairInput(store, input, report);
      if (!(await isPublished({ dir, part: 0 }, SILENT))) await execute(slot, stage, dir);
      try {
        return referTo(await sealStage(store, await readStageFile(dir), 1, 0));
      } catch (error) {
        if (!(error instanceof CorruptFileError)) throw error;
        report(error.message, 'another attempt');
      }
    }
    throw new Error(`${stage.name} ran ${MAX_RUNS} times, and its result was damaged each time: ${messages.at(-1)}`);
  }

  async function execute(slot: Slot | 'analyse', stage: StageFile, dir: string): Promise<void> {
    if (slot === 'analyse') {
      const known = reports.get(stage.key);
      if (known === undefined) return await realAnalysis(stage, dir);
      await put(dir, known.files);
      return void (await publish({ dir, part: 0, attempt: 0 }, Object.keys(known.files), known.counts, async () => {}));
    }
    for (const [role, [, file]] of Object.entries(slot.reads)) inputFiles(store, stage, role, file);
    await put(dir, slot.files);
    const counts = COUNTS[slot.kind] ?? {};
    await publish({ dir, part: 0, attempt: 0 }, Object.keys(slot.files), counts, async () => {});
  }

  async function realAnalysis(stage: StageFile, dir: string): Promise<void> {
    const env = {
      ORRERY_STORE: store,
      ORRERY_STAGE_FILE: join(dir, 'stage.json'),
      ORRERY_ATTEMPT: '0',
      ORRERY_LOG_LEVEL: 'silent',
    };
    const { exitCode, message } = await runStage(async () => analyse as never, env);
    if (exitCode !== 0) throw new StageExit('InvalidInput', message);
    const files = [FILES.analyse.html, FILES.analyse.json];
    const texts = files.map(
      async (name) => [`data/${name}`, await readFile(join(dataDir(dir), name), 'utf8')] as const,
    );
    const counts = (await readPart(dir, 0))?.counts ?? {};
    reports.set(stage.key, { files: Object.fromEntries(await Promise.all(texts)), counts });
  }

  function status(): CampaignStatus {
    const stages = [...results].map(([name, result]) =>
      aStage({ name, kind: result.kind, state: 'completed', result }),
    );
    return aCampaignStatus({ campaignId: id, stages });
  }

  return {
    results,
    messages,
    async run(between = async () => {}) {
      results.clear();
      for (const slot of [...all, 'analyse' as const]) {
        const name = slot === 'analyse' ? slot : slot.name;
        results.set(name, await runOne(slot));
        await between(name);
      }
      for (let attempts = 1; ; attempts++) {
        try {
          return await publishCampaign(store, id, results.get('analyse')!, status(), report);
        } catch (error) {
          if (!(error instanceof CorruptFileError) || attempts === 3) throw error;
          report(error.message, 'the analysis is made again');
          results.set('analyse', await runOne('analyse'));
        }
      }
    },
  };
}

async function put(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
}
