import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { cp, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { execa } from 'execa';
import { inProject, PROJECT } from '../../config/paths.ts';
import { campaignOf } from './campaign.ts';
import { checkRound, type Findings } from './checker/check.ts';
import { EVIDENCE, type FaultRecord, type LeftBehind, type LeftProcess, type Round } from './checker/evidence.ts';
import { temporariesIn } from './checker/leftovers.ts';
import { collectCampaign } from './collect.ts';
import type { Tools } from './fault.ts';
import { FAULTS } from './faults.ts';
import { injectFaults } from './injector.ts';
import { disksCannot, mountDisk, NO_DISK } from './local/disk.ts';
import { processesWith } from './local/proc.ts';
import { SOAK_MARK } from './local/programs.ts';
import { sampleProcesses } from './local/sampler.ts';
import { type KeptService, keepWorker } from './local/services.ts';
import { createLocalTarget } from './local/target.ts';
import type { Random } from './random.ts';
import { watchStore } from './store-watch.ts';

/** Without further faults, a campaign of this size ends within this time. If not, it hangs. */
const FINISH_MS = 15 * 60_000;
/** Longer than any write takes. */
const LONG_AGO_SECONDS = 86_400;
/** After this time, all processes that were told to end have ended. */
const AFTER_END_MS = 15_000;

export interface RoundOptions {
  readonly name: string;
  /** Folder of this round. */
  readonly folder: string;
  readonly spec: unknown;
  readonly client: Client;
  readonly address: string;
  readonly temporal: KeptService;
  readonly mark: string;
  /** Environment of workers. The round adds its own variables. */
  readonly env: NodeJS.ProcessEnv;
  /** Null for the undisturbed run. */
  readonly faults: {
    readonly count: number;
    readonly gapSeconds: number;
    readonly random: Random;
    readonly enough: AbortSignal;
    readonly caused: Map<string, number>;
  } | null;
  readonly reference: Round['reference'];
  readonly say: (line: string) => void;
}

export interface RoundEnd {
  readonly findings: Findings;
  readonly campaigns: number;
  readonly faults: readonly FaultRecord[];
  readonly seconds: number;
  /** Name of a stage -> its result. */
  readonly results: NonNullable<Round['reference']>;
}

interface StageResult {
  readonly name: string;
  readonly result: { readonly key: string; readonly digest: string } | null;
}

/**
 * Runs one campaign in a store of its own, with or without faults, and the checker on it. The evidence stays in the
 * round's folder.
 */
export async function runRound(options: RoundOptions): Promise<RoundEnd> {
  const { name, folder, spec, client, address, temporal, mark, faults, say } = options;
  const [store, home, evidence] = [join(folder, 'store'), join(folder, 'home'), join(folder, 'evidence')];
  for (const path of [store, home, evidence]) mkdirSync(path, { recursive: true });
  const disk = 'disk-full' in disksCannot() ? NO_DISK : await mountDisk(store);
  // A task queue belongs to one store, so each round has its own queue.
  const taskQueue = `soak-${name}`;
  const env = { ...options.env, ORRERY_STORE: store, ORRERY_HOME: home, ORRERY_TASK_QUEUE: taskQueue };
  const workerOptions = { program: inProject('worker.ts'), cwd: PROJECT, env, logFile: join(folder, 'worker.log') };
  const worker = keepWorker(workerOptions);
  const target = createLocalTarget({
    mark,
    store,
    disk,
    worker,
    workerOptions,
    temporal,
    zombieLog: join(folder, 'zombies.log'),
  });
  const sampler = sampleProcesses(mark);
  const watch = watchStore(store, join(evidence, EVIDENCE.storeChanges));
  const startedAt = new Date().toISOString();
  const began = performance.now();
  const records: FaultRecord[] = [];
  const campaigns = [name];
  writeFileSync(join(evidence, EVIDENCE.faults), '');
  let intact = false;
  try {
    await worker.start();
    const campaign = campaignOf(client, name, spec, taskQueue);
    await campaign.submit();
    const over = new AbortController();
    const patience = new AbortController();
    const ended = untilEnded(campaign.workflow, patience.signal).finally(() => over.abort());
    if (faults !== null) {
      const { random, ...rest } = faults;
      const tools: Tools = {
        target,
        campaign,
        random,
        strikes: new Map(),
        over: over.signal,
        sleep: (ms) => sleep(ms, undefined, { signal: over.signal }).catch(() => undefined),
        async submitTwin() {
          if (campaigns.length > 1) return null;
          const twin = `twin-of-${name}`;
          await campaignOf(client, twin, spec, taskQueue).submit();
          campaigns.push(twin);
          return twin;
        },
      };
      const record = (fault: FaultRecord) => {
        records.push(fault);
        appendFileSync(join(evidence, EVIDENCE.faults), `${JSON.stringify(fault)}\n`);
        say(
          `${fault.kind}: ${fault.target}: ${fault.seen}${fault.wrong === null ? '' : `  WRONG: ${fault.wrong.what}`}`,
        );
      };
      await injectFaults({ tools, faults: FAULTS, record, ...rest });
    }
    // The checker reports a campaign that hangs: its workflow is still RUNNING.
    const hangs = setTimeout(() => patience.abort(), FINISH_MS);
    await ended;
    for (const twin of campaigns.slice(1))
      await untilEnded(campaignOf(client, twin, spec, taskQueue).workflow, patience.signal);
    clearTimeout(hangs);

    const statuses = await Promise.all(
      campaigns.map((id) =>
        collectCampaign({ client, address, folder: evidence, hasEnded: !patience.signal.aborted }, id),
      ),
    );
    const afterCampaigns = await leftAfter(mark, (process) => process.job !== null);
    await worker.drain(60_000);
    const afterWorkers = await leftAfter(mark, () => true);
    const left: LeftBehind = { afterCampaigns, afterWorkers, ...(await cleanedUp(store, env)) };
    await watch.stop();
    const write = (file: string, value: unknown) => writeFileSync(join(evidence, file), JSON.stringify(value, null, 1));
    write(EVIDENCE.left, left);
    write(EVIDENCE.sightings, await sampler.stop());
    const { reference } = options;
    write(EVIDENCE.round, {
      name,
      campaigns,
      store,
      startedAt,
      endedAt: new Date().toISOString(),
      reference,
    } satisfies Round);
    const findings = await checkRound(evidence);
    intact = findings.violations.length === 0;
    const stages = (statuses[0] as { stages?: readonly StageResult[] } | null)?.stages ?? [];
    return {
      findings,
      faults: records,
      campaigns: campaigns.length,
      seconds: (performance.now() - began) / 1000,
      results: Object.fromEntries(stages.flatMap(({ name, result }) => (result === null ? [] : [[name, result]]))),
    };
  } finally {
    await Promise.all([sampler.stop(), watch.stop()]);
    await worker.kill();
    await target.end();
    // Unmounting destroys a store in memory, so copy it first when there are violations.
    if (!intact) await cp(store, join(folder, 'store-kept'), { recursive: true });
    await disk.unmount();
  }
}

/** Waits for the end of a workflow, up to the time limit. */
async function untilEnded(workflow: () => Promise<string | null>, patience: AbortSignal): Promise<void> {
  while (!patience.aborted && ['RUNNING', null].includes(await workflow())) await sleep(500);
}

/**
 * Runs the reconciler, which workers run every few minutes. It keeps young files, because someone may be writing them.
 * No writer is left here, so the remaining files get an older time first.
 */
async function cleanedUp(
  store: string,
  env: NodeJS.ProcessEnv,
): Promise<Pick<LeftBehind, 'temporariesBefore' | 'reconciler'>> {
  const temporaries = await temporariesIn(store);
  const old = Date.now() / 1000 - LONG_AGO_SECONDS;
  for (const path of temporaries) await utimes(path, old, old);
  const { all } = await execa(process.execPath, [inProject('cli/main.ts'), 'gc'], {
    env,
    extendEnv: false,
    all: true,
    reject: false,
  });
  return { temporariesBefore: temporaries.length, reconciler: all };
}

/** Marked processes that `counts` selects and that still run after a while. */
async function leftAfter(mark: string, counts: (process: LeftProcess) => boolean): Promise<LeftProcess[]> {
  const deadline = performance.now() + AFTER_END_MS;
  for (;;) {
    const marked = (await processesWith(SOAK_MARK)).filter(
      ({ pid, environment }) => environment[SOAK_MARK] === mark && pid !== process.pid,
    );
    const left = marked
      .map(({ pid, command, environment }) => ({
        pid,
        command: command.join(' '),
        job: environment.ORRERY_JOB ?? null,
      }))
      .filter(counts);
    if (left.length === 0 || performance.now() > deadline) return left;
    await sleep(250);
  }
}
