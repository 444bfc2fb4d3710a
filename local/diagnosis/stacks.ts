import { open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { REPORT_FLAG, REPORT_SIGNAL } from '../environment.ts';
import { sendSignal } from '../processes.ts';
import { jsFramesOf } from './debugger.ts';
import { handles, isStopped, type ProcessFacts } from './processes.ts';

/**
 * Stacks of programs, reported by the programs. Our Python programs print the stack of every thread on SIGUSR1
 * (faulthandler, so even a program that is stuck in C answers). Node programs write a report on SIGUSR2, which shows
 * what an idle program waits for. A busy Node program writes none, because Node handles signals only between JavaScript
 * calls: its debugger interrupts it.
 */

/** Time limit for the answer of a program. */
const ANSWER_MS = 1000;
const CHECK_EVERY_MS = 30;
/** Counts checks instead of time: see time-limit.ts. */
const CHECKS = ANSWER_MS / CHECK_EVERY_MS;
/** Longer output of a program is cut. */
const LONGEST_ANSWER_BYTES = 128 * 1024;

const isPython = ({ program }: ProcessFacts): boolean => /^python[\d.]*$/.test(program);
const isNode = ({ command }: ProcessFacts): boolean => command.includes(REPORT_FLAG);

/** Whether the process can report its stack. */
export const canReportStack = (process: ProcessFacts): boolean => isPython(process) || isNode(process);

/**
 * The stacks of a program, or why they are not available. Programs that share a stderr must be asked in turn.
 * @param reports - folder to which Node programs write their reports
 */
export async function stackOf(process: ProcessFacts, reports: string): Promise<string> {
  if (isStopped(process)) return 'it is stopped (state T): it answers nothing until it is continued\n';
  return isPython(process) ? await pythonStack(process) : await nodeStack(process, reports);
}

async function pythonStack(process: ProcessFacts): Promise<string> {
  // Without a handler the signal would kill it.
  if (!handles(process, 'SIGUSR1'))
    return 'it has no handler for SIGUSR1: it is no orrery program, or it has just started\n';
  const output = await follow(process.stderr);
  if (output === null) return `its answer cannot be read from its stderr (${process.stderr ?? 'unknown'})\n`;
  sendSignal(process.pid, 'SIGUSR1');
  const answer = await output.until((text) => text.includes('most recent call first'));
  if (answer === null) return `it did not answer SIGUSR1 within ${ANSWER_MS} ms (state ${process.state})\n`;
  await sleep(3 * CHECK_EVERY_MS); // a program with many threads writes many times
  return await output.text();
}

async function nodeStack(process: ProcessFacts, reports: string): Promise<string> {
  if (!handles(process, REPORT_SIGNAL)) return 'it is starting or ending, and handles no signals\n';
  sendSignal(process.pid, REPORT_SIGNAL);
  const report = await takeReport(process.pid, reports);
  if (report !== null) return report;
  const busy = `no report within ${ANSWER_MS} ms: JavaScript is busy\n`;
  const savedPath = join(reports, `interrupted-${process.pid}.txt`);
  const saved = await readFile(savedPath, 'utf8').catch(() => null);
  if (saved !== null) return `${busy}${saved}`;
  const output = await follow(process.stderr);
  if (output === null || !handles(process, 'SIGUSR1')) return `${busy}its debugger cannot be asked\n`;
  sendSignal(process.pid, 'SIGUSR1');
  const answer = await output.until((text) => DEBUGGER.test(text));
  const url = DEBUGGER.exec(answer ?? '')?.[1];
  if (url === undefined) return `${busy}it did not open its debugger either (state ${process.state})\n`;
  const frames = await jsFramesOf(url, ANSWER_MS);
  const said =
    frames === null
      ? `its debugger could not pause it: it waits outside of JavaScript (state ${process.state})\n`
      : `paused by its debugger at ${new Date().toISOString()} in\n${frames.map((frame) => `    at ${frame}\n`).join('')}`;
  // Asked once, because opening a debugger a second time sometimes crashes the program (SIGSEGV, seen in Node 24.21).
  await writeFile(savedPath, said);
  return busy + said;
}

const DEBUGGER = /^Debugger listening on (ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]+)$/m;

/** Waits for the report of a process, condenses it, and removes the file. */
async function takeReport(pid: number, folder: string): Promise<string | null> {
  for (let check = 0; check < CHECKS; check += 1, await sleep(CHECK_EVERY_MS)) {
    const names = await readdir(folder);
    for (const name of names.filter((one) => new RegExp(`^report\\.\\d+\\.\\d+\\.${pid}\\..*json$`).test(one))) {
      const report = condensed(await readFile(join(folder, name), 'utf8'));
      if (report === null) continue; // the program is still writing it
      await rm(join(folder, name), { force: true });
      return report;
    }
  }
  return null;
}

/**
 * Parts of a report that show why a program waits. An allow list, so that a later version of Node adds nothing unseen.
 */
const REPORT_PARTS = ['javascriptStack', 'nativeStack', 'libuv', 'workers', 'resourceUsage'] as const;

/** @returns null if the report is incomplete */
function condensed(text: string): string | null {
  try {
    const report = JSON.parse(text) as Record<string, unknown>;
    const parts = REPORT_PARTS.map((name) => [name, report[name]]);
    return `${JSON.stringify(Object.fromEntries(parts), null, 1)}\n`.slice(0, LONGEST_ANSWER_BYTES);
  } catch {
    return null;
  }
}

/** The text appended to a file from now on. Null if the path is no readable file. */
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
    /** The appended text, once it satisfies `enough`; null if it does not in time. */
    async until(enough: (text: string) => boolean): Promise<string | null> {
      for (let check = 0; check < CHECKS; check += 1, await sleep(CHECK_EVERY_MS)) {
        const now = await text();
        if (enough(now)) return now;
      }
      return null;
    },
  };
}
