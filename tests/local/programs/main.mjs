// A stage program for tests: does one thing, named by its first argument. Files go to the folder ORRERY_STORE.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

const [act, ...rest] = process.argv.slice(2);
const part = process.env.JOB_COMPLETION_INDEX;
const note = (line) => appendFileSync(join(process.env.ORRERY_STORE, 'notes.txt'), `${line}\n`);
const stay = () => setInterval(() => {}, 1000);

const acts = {
  environment() {
    writeFileSync(join(process.env.ORRERY_STORE, `environment-${part}.json`), JSON.stringify(process.env));
  },
  exit() {
    console.log('something before');
    console.error(rest[1] ?? '');
    process.exitCode = Number(rest[0]);
  },
  throw() {
    throw new TypeError('a thing is not a thing');
  },
  brief() {
    note(`begin ${part}`);
    setTimeout(() => note(`end ${part}`), Number(rest[0]));
  },
  /** Ends when the file `release` is in the store. */
  untilReleased() {
    const timer = setInterval(() => {
      if (existsSync(join(process.env.ORRERY_STORE, 'release'))) clearInterval(timer);
    }, 20);
  },
  stay() {
    note(`begin ${part}`);
    stay();
  },
  save() {
    process.on('SIGTERM', () => {
      note(`saved ${part}`);
      process.exit(143);
    });
    note(`begin ${part}`);
    stay();
  },
  /** Takes so many ms to save. */
  saveSlowly() {
    process.on('SIGTERM', () => {
      note(`saving ${part}`);
      setTimeout(() => {
        note(`saved ${part}`);
        process.exit(143);
      }, Number(rest[0]));
    });
    note(`begin ${part}`);
    stay();
  },
  stubborn() {
    process.on('SIGTERM', () => note('ignored SIGTERM'));
    note(`begin ${part}`);
    stay();
  },
  /** Leaves a process in a session of its own, which no signal to a group reaches. */
  spawner() {
    spawn(process.execPath, [process.argv[1], 'stay'], { detached: true, stdio: 'ignore' }).unref();
    stay();
  },
  /** Part 0 ends at once, and leaves a process that would note something while part 1 runs. */
  leaveBehind() {
    if (part !== '0') return acts.brief();
    note(`begin ${part}`);
    spawn(process.execPath, [process.argv[1], 'later'], { detached: true, stdio: 'ignore' }).unref();
  },
  later() {
    setTimeout(() => note('a straggler lived on'), 400);
  },
  /** JavaScript that does not return. */
  spin() {
    note(`begin ${part}`);
    (function spinForEver() {
      for (;;) Math.random();
    })();
  },
  /** Waits for something that never comes. */
  idle() {
    console.log('something before');
    createServer().listen(0, '127.0.0.1', () => note(`begin ${part}`));
  },
  failFirst() {
    if (part === '0') process.exit(Number(rest[0]));
    acts.save();
  },
  async askPolicy() {
    const answer = await fetch(`${process.env.ORRERY_POLICY_URL}/who`);
    note(`policy says ${await answer.text()}`);
  },
  async killPolicy() {
    acts.save();
    await fetch(`${process.env.ORRERY_POLICY_URL}/die?code=${rest[0]}`).catch(() => {});
  },
};
acts[act]();
