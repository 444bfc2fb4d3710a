/**
 * Toy stage programs: they keep the pod contract and do nothing else. A fake, so that tests of the workflows take
 * seconds and can ask for each end. `domain.settings`: `stepMs`, `steps` (of the stages in `only`), and `faults`: stage
 * name -> how its executions end, in order: an exit code, a signal that it gets, or `hang`. With `checkpoints` each
 * step leaves the folder of one, with its marker; with `talks` it prints a line. `deaths`: the first `count` executions
 * of `stage` get SIGKILL after `after` steps of their own. `hangs`: `part` of `stage` hangs in its first execution.
 * `counts`: what the executions of a stage count, in order.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StageFile } from '../../../../spec/index.ts';
import { partPath, progressPath, sha256File, stageDir } from '../../../../store/index.ts';

const stage = JSON.parse(readFileSync(process.env.ORRERY_STAGE_FILE!, 'utf8')) as StageFile;
const attempt = Number(process.env.ORRERY_ATTEMPT);
const part = Number(process.env.JOB_COMPLETION_INDEX ?? 0);
const dir = stageDir(process.env.ORRERY_STORE!, stage.key);
const settings = stage.domain.settings as {
  stepMs?: number;
  steps?: number;
  only?: string[];
  checkpoints?: boolean;
  talks?: boolean;
  deaths?: { stage: string; count: number; after: number };
  counts?: Record<string, Record<string, number>[]>;
  hangs?: { stage: string; part: number };
  faults?: Record<string, (number | NodeJS.Signals | 'hang')[]>;
};
const isLong = settings.only?.includes(stage.name) ?? true;
const steps = isLong ? (settings.steps ?? 3) : 1;

process.on('SIGTERM', () => process.exit(143));
for (const folder of ['data', 'parts', 'progress', 'journal']) mkdirSync(join(dir, folder), { recursive: true });
const journal = join(dir, 'journal', `${part}.txt`);
let done = existsSync(journal) ? readFileSync(journal, 'utf8').length : 0;

const from = done;
let beganAt: string | null = null;

function replace(path: string, value: unknown): void {
  writeFileSync(`${path}.tmp`, JSON.stringify(value));
  renameSync(`${path}.tmp`, path);
}

const deaths = settings.deaths?.stage === stage.name && attempt < settings.deaths.count ? settings.deaths : null;
async function dieWhenDue(): Promise<void> {
  if (deaths === null || done - from < deaths.after) return;
  process.kill(process.pid, 'SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 10_000)); // until it comes
}
function report(): void {
  const updatedAt = new Date().toISOString();
  beganAt ??= updatedAt;
  replace(progressPath(dir, part), {
    attempt,
    unit: 'step',
    done,
    total: steps,
    rate: 1,
    metrics: {},
    from,
    beganAt,
    savingSeconds: 0,
    updatedAt,
  });
}

if (deaths !== null) report();
await dieWhenDue();
while (done < steps) {
  await new Promise((resolve) => setTimeout(resolve, settings.stepMs ?? 5));
  appendFileSync(journal, '.'); // one step done: an execution after this one goes on from here
  done += 1;
  if (settings.talks) console.log(`attempt ${attempt}, step ${done}`);
  const checkpoint = join(dir, 'checkpoints', `step-${String(done).padStart(8, '0')}-attempt-${attempt}`);
  if (settings.checkpoints) {
    mkdirSync(checkpoint, { recursive: true });
    writeFileSync(join(checkpoint, 'complete.json'), '{}');
  }
  report();
  if (settings.hangs?.stage === stage.name && settings.hangs.part === part && attempt === 0) {
    await new Promise((resolve) => setTimeout(resolve, 3_600_000));
  }
  await dieWhenDue();
}

const fault = settings.faults?.[stage.name]?.[attempt] ?? 0;
if (fault === 'hang') await new Promise((resolve) => setTimeout(resolve, 3_600_000));
if (typeof fault === 'string') {
  process.kill(process.pid, fault);
  await new Promise((resolve) => setTimeout(resolve, 10_000)); // until it comes
}
if (typeof fault === 'number' && fault !== 0) {
  console.error(`a toy fault: exit code ${fault}`);
  process.exit(fault);
}
const names = stage.kind === 'analyse' ? ['data/report.html', 'data/report.json'] : [`data/out-${part}.txt`];
const files = [];
for (const path of names) {
  const text = path.endsWith('.json') ? '{}\n' : `${stage.name} ${part}\n`;
  writeFileSync(join(dir, path), text);
  files.push({ path, sha256: await sha256File(join(dir, path)), bytes: text.length });
}
replace(partPath(dir, part), {
  part,
  attempt,
  files,
  counts: settings.counts?.[stage.name]?.[attempt] ?? { steps },
  finishedAt: new Date().toISOString(),
});
