/**
 * A fake of the verifier's line protocol for tests of what happens when it goes wrong. `right` is what a completion
 * says of itself; other words make the fake misbehave. Arguments: a file that counts the starts; the time until it is
 * ready in ms, or `never`.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const [startsFile, readyAfterMs = '0'] = process.argv.slice(2);
appendFileSync(startsFile, 's');
const start = readFileSync(startsFile, 'utf8').length;

await sleep(readyAfterMs === 'never' ? 600_000 : Number(readyAfterMs));
console.log(JSON.stringify({ ready: true }));
let lies = false;
for await (const line of createInterface({ input: process.stdin })) {
  const { id, completion } = JSON.parse(line);
  if (completion === 'go wrong') lies = true;
  if (completion === 'die') die('a verdict too many');
  if (completion === 'die once' && start === 1) die('cosmic ray');
  if (completion === 'leave a child behind' && start === 1) {
    const { pid } = spawn('sleep', ['600'], { stdio: 'inherit' }); // it holds our pipes open
    writeFileSync(`${startsFile}.child`, String(pid));
    die('out of luck');
  }
  if (completion === 'refuse') {
    console.error('no such domain');
    process.exit(65);
  }
  if ((completion === 'hang' && start === 1) || completion === 'hang for ever') continue;
  if (completion === 'slow') {
    console.log(JSON.stringify({ id, verdict: 'unjudged', answer: null, reason: 'timeout' }));
    continue;
  }
  if (completion === 'babble' && start === 1) {
    console.log('Loading weights...');
    continue;
  }
  const verdict = !lies && (completion.includes('right') || start > 1) ? 'right' : 'wrong';
  console.log(JSON.stringify({ id, verdict, answer: completion }));
}

function die(words) {
  console.error(words);
  process.exit(3);
}
