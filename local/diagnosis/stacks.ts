import { open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { REPORT_FLAG, REPORT_SIGNAL } from '../environment.ts';
import { sendSignal } from '../processes.ts';
import { jsFramesOf } from './debugger.ts';
import { handles, isStopped, type ProcessFacts } from './processes.ts';

/**
 * What programs are doing, by their own account. Python programs of ours print the stack of every thread on SIGUSR1 (faulthandler, so a
 * program that is stuck in C does so too), Node programs write a report on SIGUSR2, which tells what an idle program waits for. A Node
 * program that is busy writes none, for signals come to it when JavaScript returns: it is interrupted by its debugger.
 */

/** How long a program may take to answer. */
const ANSWER_MS = 1000;
const LOOK_EVERY_MS = 30;
/** Looks are counted and not their time: see patience.ts. */
const LOOKS = ANSWER_MS / LOOK_EVERY_MS;
/** More of what one program prints is left out. */
const LONGEST_ANSWER_BYTES = 128 * 1024;

const isPython = ({ program }: ProcessFacts): boolean => /^python[\d.]*$/.test(program);
const isNode = ({ command }: ProcessFacts): boolean => command.includes(REPORT_FLAG);

/** Whether the process is one of those that can be asked. */
export const canTell = (process: ProcessFacts): boolean => isPython(process) || isNode(process);

/**
 * The stacks of a program, or why they cannot be had. Programs that share a stderr must be asked one after the other.
 * @param reports - folder that Node programs write their reports to
 */
export async function stackOf(process: ProcessFacts, reports: string): Promise<string> {
  if (isStopped(process)) return 'it is stopped (state T): it answers nothing until it is continued\n';
  return isPython(process) ? await pythonStack(process) : await nodeStack(process, reports);
}

async function pythonStack(process: ProcessFacts): Promise<string> {
  // Without a handler the signal would kill it.
  if (!handles(process, 'SIGUSR1'))
    return 'it has no handler for SIGUSR1: it is no program of ours, or it has just begun\n';
  const output = await follow(process.stderr);
  if (output === null) return `its stderr is ${process.stderr ?? 'not told'}, where its answer cannot be read\n`;
  sendSignal(process.pid, 'SIGUSR1');
  const answer = await output.until((text) => text.includes('most recent call first'));
  if (answer === null) return `it did not answer SIGUSR1 within ${ANSWER_MS} ms (state ${process.state})\n`;
  await sleep(3 * LOOK_EVERY_MS); // many threads are many writes
  return await output.text();
}

async function nodeStack(process: ProcessFacts, reports: string): Promise<string> {
  if (!handles(process, REPORT_SIGNAL)) return 'it does not listen for signals yet, or no more\n';
  sendSignal(process.pid, REPORT_SIGNAL);
  const report = await takeReport(process.pid, reports);
  if (report !== null) return report;
  const busy = `no report within ${ANSWER_MS} ms: JavaScript does not return\n`;
  const remembered = join(reports, `interrupted-${process.pid}.txt`);
  const before = await readFile(remembered, 'utf8').catch(() => null);
  if (before !== null) return `${busy}${before}`;
  const output = await follow(process.stderr);
  if (output === null || !handles(process, 'SIGUSR1')) return `${busy}its debugger cannot be asked\n`;
  sendSignal(process.pid, 'SIGUSR1');
  const answer = await output.until((text) => DEBUGGER.test(text));
  const url = DEBUGGER.exec(answer ?? '')?.[1];
  if (url === undefined) return `${busy}nor did it open its debugger (state ${process.state})\n`;
  const frames = await jsFramesOf(url, ANSWER_MS);
  const said =
    frames === null
      ? `nor could its debugger stop it: it waits outside of JavaScript (state ${process.state})\n`
      : `interrupted by its debugger at ${new Date().toISOString()}, it was in\n${frames.map((frame) => `    at ${frame}\n`).join('')}`;
  // Asked once: a debugger that is opened a second time ends the program now and then (SIGSEGV, seen in Node 24.21).
  await writeFile(remembered, said);
  return busy + said;
}

const DEBUGGER = /^Debugger listening on (ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]+)$/m;

/** Waits for the report of a process, condenses it, and removes the file. */
async function takeReport(pid: number, folder: string): Promise<string | null> {
  for (let look = 0; look < LOOKS; look += 1, await sleep(LOOK_EVERY_MS)) {
    const names = await readdir(folder);
    for (const name of names.filter((one) => new RegExp(`^report\\.\\d+\\.\\d+\\.${pid}\\..*json$`).test(one))) {
      const report = condensed(await readFile(join(folder, name), 'utf8'));
      if (report === null) continue; // it is being written
      await rm(join(folder, name), { force: true });
      return report;
    }
  }
  return null;
}

/** Parts of a report that help to see why a program waits. Named one by one: what a later Node adds is not let through unseen. */
const TELLING = ['javascriptStack', 'nativeStack', 'libuv', 'workers', 'resourceUsage'] as const;

/** @returns null when it is no whole report */
function condensed(text: string): string | null {
  try {
    const report = JSON.parse(text) as Record<string, unknown>;
    const parts = TELLING.map((name) => [name, report[name]]);
    return `${JSON.stringify(Object.fromEntries(parts), null, 1)}\n`.slice(0, LONGEST_ANSWER_BYTES);
  } catch {
    return null;
  }
}

/** What is appended to a file from now on. Null when it is no file that can be read. */
async function follow(path: string | null) {
  const before = path === null ? null : await stat(path).catch(() => null);
  if (path === null || before === null || !before.isFile()) return null;
  const text = async (): Promise<string> => {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(LONGEST_ANSWER_BYTES);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, before.size);
    return buffer.toString('utf8', 0, bytesRead);
  };
  return {
    text,
    /** What was appended, once it satisfies `enough`; null when it does not in time. */
    async until(enough: (text: string) => boolean): Promise<string | null> {
      for (let look = 0; look < LOOKS; look += 1, await sleep(LOOK_EVERY_MS)) {
        const now = await text();
        if (enough(now)) return now;
      }
      return null;
    },
  };
}
