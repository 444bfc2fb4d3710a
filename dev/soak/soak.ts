import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import getPort from 'get-port';
import { readCampaignFile } from '../../cli/campaign-file.ts';
import { EXIT } from '../../config/command-errors.ts';
import { inProject, VENV_PYTHON } from '../../config/paths.ts';
import { loadNow, thisMachine } from '../machine.ts';
import { countByVerdict } from './checker/check.ts';
import { disksCannot, unmountBelow } from './local/disk.ts';
import { SOAK_MARK } from './local/programs.ts';
import { keepTemporal } from './local/services.ts';
import { killMarked } from './local/target.ts';
import { seededRandom } from './random.ts';
import type { SoakResult } from './result.ts';
import { type RoundEnd, type RoundOptions, runRound } from './round.ts';

export interface SoakOptions {
  /** Total number of faults, over as many campaigns as needed. */
  readonly faults: number;
  readonly seed: number;
  /**
   * After this time since the undisturbed run, no fault is drawn and no campaign starts. The running campaign ends
   * normally.
   */
  readonly minutes: number;
  /**
   * Mean time between two faults. The default is a share of the undisturbed run, so that faults spread over the whole
   * campaign.
   */
  readonly gapSeconds?: number | undefined;
  readonly say: (line: string) => void;
}

/** Faults per duration of the undisturbed run: one every 5 s when it takes a minute, and fewer on a busy machine. */
const FAULTS_PER_RUN = 12;
/** The campaign of every round. */
const SPEC = inProject('dev', 'soak', 'micro.yaml');

/**
 * Runs the campaign once without faults, and then with faults, each time in a new store, until there were enough
 * faults. Everything is in a temporary folder and on ports of its own. The project's `.orrery` is not used.
 * @returns the result, and the folder with the evidence
 */
export async function runSoak(options: SoakOptions): Promise<{ result: SoakResult; folder: string }> {
  const { seed, say } = options;
  const folder = mkdtempSync(join(tmpdir(), 'orrery-soak-'));
  const startedAt = new Date().toISOString();
  const began = performance.now();
  const load = { before: loadNow(), after: 0, highest: 0 };
  const [port, uiPort] = [await getPort(), await getPort()];
  const temporal = keepTemporal({
    port,
    uiPort,
    database: join(folder, 'temporal.db'),
    detached: true,
    logFile: join(folder, 'temporal.log'),
    pidFile: join(folder, 'temporal.pid'),
  });
  const address = `localhost:${port}`;
  const { input: spec } = await readCampaignFile(SPEC);
  const rounds: (RoundEnd & { readonly name: string })[] = [];
  const caused = new Map<string, number>();
  const random = seededRandom(seed);

  const cleanUp = async (): Promise<void> => {
    await Promise.all([killMarked(folder), temporal.kill()]);
    await unmountBelow(folder);
  };
  const interrupted = () => void cleanUp().finally(() => process.exit(EXIT.interrupted));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  await temporal.start();
  const connection = await Connection.connect({ address });
  try {
    const common = {
      spec,
      address,
      temporal,
      client: new Client({ connection }),
      mark: folder,
      env: workerEnvironment(folder, address),
      say: (line: string) => say(`  ${line}`),
    } satisfies Partial<RoundOptions>;
    const run = async (name: string, more: Pick<RoundOptions, 'faults' | 'reference'>): Promise<RoundEnd> => {
      say(`${name} begins`);
      const end = await runRound({ ...common, ...more, name, folder: join(folder, name) });
      rounds.push({ ...end, name });
      const { violations, executions } = end.findings;
      say(
        `${name} took ${end.seconds.toFixed(0)} s: ${end.faults.length} faults, ${executions} executions, ${violations.length} violations`,
      );
      for (const { verdict, where, what } of violations) say(`  ${verdict.toUpperCase()}: ${where}: ${what}`);
      load.highest = Math.max(load.highest, loadNow());
      return end;
    };
    const reference = await run('undisturbed', { faults: null, reference: null });
    // The time starts after the undisturbed run, which may take all of it on a slow machine.
    const enough = AbortSignal.timeout(options.minutes * 60_000);
    const gapSeconds = options.gapSeconds ?? reference.seconds / FAULTS_PER_RUN;
    let left = options.faults;
    for (let number = 1; left > 0 && !enough.aborted && reference.findings.violations.length === 0; number += 1) {
      const end = await run(`micro-${number}`, {
        faults: { count: left, gapSeconds, random, enough, caused },
        reference: reference.results,
      });
      left -= end.faults.length;
    }
  } finally {
    await connection.close();
    await cleanUp();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    for (const name of ['pycache', 'temporal.db', 'temporal.db-shm', 'temporal.db-wal'])
      rmSync(join(folder, name), { recursive: true, force: true });
  }
  load.after = loadNow();

  const violations = rounds.flatMap(({ name, findings }) =>
    findings.violations.map((one) => ({ ...one, round: name })),
  );
  const sum = (of: (round: RoundEnd) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const result: SoakResult = {
    startedAt,
    seed,
    machine: thisMachine(),
    load,
    seconds: (performance.now() - began) / 1000,
    campaigns: sum(({ campaigns }) => campaigns),
    faults: sum(({ faults }) => faults.length),
    faultsByKind: countsOf(rounds.flatMap(({ faults }) => faults.map(({ kind }) => kind))),
    skipped: disksCannot(),
    executions: sum(({ findings }) => findings.executions),
    incidents: rounds.reduce((all, { findings }) => addCounts(all, findings.incidents), {}),
    filesVerified: sum(({ findings }) => findings.filesVerified),
    verdicts: countByVerdict(violations),
    violations,
    temporaries: sum(({ findings }) => findings.temporariesBefore),
    rounds: rounds.map(({ name, seconds, campaigns, faults, findings }) => ({
      name,
      seconds: Math.round(seconds),
      campaigns,
      faults: faults.length,
      executions: findings.executions,
      violations: findings.violations.length,
    })),
  };
  return { result, folder };
}

/** The environment of workers. The programs of stages inherit it. */
function workerEnvironment(folder: string, address: string): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(
    ([name]) => !/^(TEMPORAL_|ORRERY_|PYTHONDONTWRITEBYTECODE$)/.test(name),
  );
  return {
    ...Object.fromEntries(others),
    [SOAK_MARK]: folder,
    TEMPORAL_ADDRESS: address,
    ORRERY_PYTHON: VENV_PYTHON,
    // Trainers start hundreds of times. Cache their compiled imports, but outside the project.
    PYTHONPYCACHEPREFIX: join(folder, 'pycache'),
  };
}

function countsOf(names: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]));
}

function addCounts(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...names].map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]));
}
