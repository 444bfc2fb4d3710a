/**
 * A verifier program that misbehaves: it stands between the stage and the real verifier, which gives the verdicts. The
 * stage starts it like an interpreter (`-m orrery_trainers.verdicts.verifier --domain X`). Its environment:
 *
 * - `UNRULY_PYTHON`: the interpreter of the real verifier
 * - `UNRULY_STARTS`: a file that gets one byte for each start
 * - `UNRULY`: the behaviour of each start, separated by commas; the last entry holds for all later starts. `obey`;
 *   `shuffle` (answers in another order); `die N`, `hang N`, `babble N` or `repeat N` (an answer twice) at the N-th
 *   request of the start
 */
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { UNRULY, UNRULY_PYTHON, UNRULY_STARTS } = process.env;
appendFileSync(UNRULY_STARTS, 's');
const manners = UNRULY.split(',');
const start = readFileSync(UNRULY_STARTS, 'utf8').length;
const [manner, at] = manners[Math.min(start, manners.length) - 1].trim().split(' ');

const real = spawn(UNRULY_PYTHON, process.argv.slice(2), { stdio: ['pipe', 'pipe', 'inherit'] });
real.once('exit', (code) => process.exit(code ?? 1));

let requests = 0;
let hangs = false;
createInterface({ input: process.stdin })
  .on('line', (line) => {
    requests += 1;
    if (requests === Number(at)) {
      if (manner === 'die') end('a request too many');
      if (manner === 'babble') console.log('Loading weights...');
      if (manner === 'hang') hangs = true;
    }
    real.stdin.write(`${line}\n`);
  })
  .on('close', () => real.stdin.end());

let held = [];
createInterface({ input: real.stdout }).on('line', (line) => {
  if (JSON.parse(line).ready) return console.log(line);
  if (hangs) return;
  if (manner === 'repeat' && requests >= Number(at)) console.log(line);
  if (manner !== 'shuffle') return console.log(line);
  held.push(line);
  setTimeout(() => {
    for (const one of held.reverse()) console.log(one);
    held = [];
  }, 5);
});

// The real verifier ends together with this process, like its judges do.
process.once('SIGTERM', () => real.kill('SIGKILL'));

function end(words) {
  console.error(words);
  real.kill('SIGKILL');
  process.exit(3);
}
