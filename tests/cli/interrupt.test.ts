import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { until } from '../support/machine.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { CTRL_C, onTerminal } from '../support/terminal.ts';

// The program draws with log-update and saves when it is interrupted. It runs on a real pseudo-terminal.

/** Longer than any test waits. */
const FOR_EVER_MS = 600_000;
const PROGRAM = inProject('tests/support/interruptible.ts');

async function waiting(saveMs: number) {
  const saved = join(await temporaryFolder(), 'saved');
  const terminal = onTerminal([process.execPath, PROGRAM, saved, `${saveMs}`], {});
  await terminal.untilShown('waiting, turn 3');
  return { terminal, isSaved: () => existsSync(saved) };
}

test('Ctrl-C lets the work end cleanly, and the cursor comes back', async () => {
  const { terminal, isSaved } = await waiting(300);
  await using _ = terminal;
  expect(terminal.hasCursor()).toBe(false);
  terminal.press(CTRL_C);
  expect(await terminal.ended()).toBe(130);
  expect(isSaved()).toBe(true);
  expect(terminal.text()).toMatch(/saving\r\nsaved\r\n$/);
  expect(terminal.hasCursor()).toBe(true);
});

test('Ctrl-C that arrives several times in quick succession counts once', async () => {
  const { terminal, isSaved } = await waiting(300);
  await using _ = terminal;
  terminal.press(CTRL_C.repeat(3));
  expect(await terminal.ended()).toBe(130);
  expect(isSaved()).toBe(true);
});

test('a second Ctrl-C ends the process at once, and the output says what keeps running', async () => {
  const { terminal, isSaved } = await waiting(FOR_EVER_MS);
  await using _ = terminal;
  terminal.press(CTRL_C);
  await terminal.untilShown('saving');
  await sleep(500);
  terminal.press(CTRL_C);
  expect(await terminal.ended()).toBe(130);
  expect(terminal.text()).toContain('orrery: it runs on');
  expect(terminal.hasCursor()).toBe(true);
  expect(isSaved()).toBe(false);
});

test('a terminal that closes interrupts the work, and the work still saves', async () => {
  const { terminal, isSaved } = await waiting(300);
  await using _ = terminal;
  terminal.close();
  expect(await terminal.ended()).toBe(130);
  expect(isSaved()).toBe(true);
});

/** The program without a terminal: its output goes to a pipe. */
async function waitingInPipe(saveMs: number) {
  const saved = join(await temporaryFolder(), 'saved');
  const child = spawn(process.execPath, [PROGRAM, saved, `${saveMs}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (text: Buffer) => {
    errors += text.toString();
  });
  await once(child.stdout, 'data');
  const end = once(child, 'close');
  return { child, end, errors: () => errors, isSaved: () => existsSync(saved) };
}

test('a first and a second SIGTERM have the same effect as Ctrl-C', async () => {
  const { child, end, errors } = await waitingInPipe(FOR_EVER_MS);
  let shown = '';
  child.stdout.on('data', (text: Buffer) => {
    shown += text.toString();
  });
  child.kill('SIGTERM');
  await until('it saves', () => shown.includes('saving'));
  await sleep(500);
  child.kill('SIGTERM');
  expect(await end).toEqual([130, null]);
  expect(errors()).toBe('orrery: it runs on\n');
});

test('a closed pipe (`| head`) interrupts the work cleanly', async () => {
  const { child, end, errors, isSaved } = await waitingInPipe(300);
  child.stdout.destroy();
  expect(await end).toEqual([130, null]);
  expect(errors()).toBe('');
  expect(isSaved()).toBe(true);
});
