/**
 * A program that waits like the commands and saves on an interrupt: `interruptible.ts FILE SAVE_MS`. It redraws a line,
 * and writes FILE when it has saved.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import logUpdate from 'log-update';
import { sleepOrAborted, untilInterrupted } from '../../cli/interrupt.ts';

const [file = '', saveMs = '0'] = process.argv.slice(2);
await untilInterrupted(
  async (signal) => {
    for (let turn = 0; !signal.aborted; turn += 1) {
      logUpdate(`waiting, turn ${turn}`);
      await sleepOrAborted(20, signal);
    }
    logUpdate.done();
    process.stdout.write('saving\n');
    await sleep(Number(saveMs));
    process.stdout.write('saved\n');
    writeFileSync(file, 'saved');
  },
  () => 'it runs on',
);
process.exitCode = 130;
