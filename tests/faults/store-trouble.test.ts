import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PartManifest } from '../../spec/index.ts';
import { random, seedFor } from '../../stages/runtime/random.ts';
import { stageDir } from '../../store/index.ts';
import type { FakePolicyServer } from '../support/fake-policy-server.ts';
import { aBrittleDisk, aRemovableDisk, aSmallDisk } from './support/disks.ts';
import { entriesOnDisk } from './support/journals.ts';
import { filesIn } from './support/stopped.ts';
import { why, withoutLoopDisks, withoutMounts } from './support/tools.ts';
import { aWorld, type FaultStage, OUTPUTS, startCountdownPolicy } from './support/world.ts';

const ROUNDS = Number(process.env.ORRERY_FAULT_ROUNDS ?? 3);
const SEED = Number(process.env.ORRERY_FAULT_SEED ?? 1);

let server: FakePolicyServer;
beforeAll(async () => {
  server = await startCountdownPolicy();
});
afterAll(() => server[Symbol.asyncDispose]());

const logOf = ({ dir }: FaultStage, attempt: number) => join(dir, 'logs', `attempt-${attempt}`, '00000-main.log');

/**
 * No file under its final name is partial: an output is complete or missing, and a part exists only with its output.
 */
function expectNothingTorn(stage: FaultStage, output: string): void {
  const path = join(stage.dir, OUTPUTS[stage.kind]);
  if (existsSync(path)) expect(readFileSync(path, 'utf8')).toBe(output);
  const part = join(stage.dir, 'parts/00000.json');
  if (!existsSync(part)) return;
  expect(PartManifest.parse(JSON.parse(readFileSync(part, 'utf8'))).files).toHaveLength(1);
  expect(existsSync(path)).toBe(true);
}

describe('a store without space', () => {
  test.skipIf(withoutMounts !== null)(
    `ends a stage with 69 and words at whatever write it is, and the stage goes on when there is room${why(withoutMounts)}`,
    { timeout: 60_000 + ROUNDS * 20_000 },
    async () => {
      const disk = aSmallDisk(4);
      const world = await aWorld(disk.folder, server.url);
      const full = disk.free();
      const calm = await world.calm('evaluate');
      const needed = full - disk.free();
      const stage = await world.plan('evaluate', 'full');
      const next = random(seedFor(SEED, 'disk full'));
      const story: string[] = [];
      let ends: (number | null)[] = [];
      for (let attempt = 0; attempt < ROUNDS; attempt += 1) {
        // From almost none to almost enough space: an attempt writes more as its journal grows.
        const pages = Math.floor((needed * (attempt + next())) / ROUNDS);
        disk.leave(pages);
        const end = await stage.start({ attempt, logFile: logOf(stage, attempt) }).ended;
        story.push(`${pages} of ${needed} pages free: ${end.code}`);
        ends = [...ends, end.code];
        expectNothingTorn(stage, calm.output);
        expect(leftBehind(stage.dir), `temporary files of attempt ${attempt}`).toEqual([]);
        disk.mend();
        if (end.code === 0) break;
        expect(end.code, story.join('\n')).toBe(69);
      }
      expect(ends, story.join('\n')).toContain(69);
      const attempt = ends.length;
      expect(await stage.start({ attempt }).ended, story.join('\n')).toMatchObject({ code: 0 });
      expect((await stage.seal(attempt)).digest).toBe(calm.manifest.digest);
    },
  );

  test.skipIf(withoutMounts !== null)(`is named in the error${why(withoutMounts)}`, async () => {
    const disk = aSmallDisk(4);
    const world = await aWorld(disk.folder, server.url);
    const stage = await world.plan('evaluate', 'told');
    disk.leave(3); // for the folder and the first entries of the journal
    expect(await stage.start().ended).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/^the store has no space left; free some space, and the stage resumes .*ENOSPC/),
    });
    expect(existsSync(join(stage.dir, 'parts'))).toBe(false);
  });
});

const leftBehind = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp'));

describe('a store that turns read-only under a stage', () => {
  test.skipIf(withoutLoopDisks !== null)(
    `ends it with 69 and words, and it goes on when the disk is repaired${why(withoutLoopDisks)}`,
    async () => {
      const disk = aBrittleDisk();
      const world = await aWorld(disk.folder, server.url);
      const calm = await world.calm('evaluate');
      const stage = await world.plan('evaluate', 'read-only');
      const from = server.requests.length;
      server.beforeAnswer = () => {
        if (server.requests.length === from + 14) disk.turnReadOnly();
        return undefined;
      };
      const end = await stage.start().ended;
      server.beforeAnswer = () => undefined;
      // The kernel decides whether the current write fails first, or the next one.
      const words = /^the (store is mounted read-only .*EROFS|disk of the store has read or write errors .*EIO)/;
      expect(end).toMatchObject({ code: 69, stderr: expect.stringMatching(words) });
      expect(await stage.start({ attempt: 1 }).ended, 'while it is still so').toMatchObject({ code: 69 });

      disk.mend();
      const kept = await entriesOnDisk(stage.dir);
      expect(kept.length).toBeGreaterThan(0);
      const asked = server.requests.length;
      expect(await stage.start({ attempt: 2 }).ended).toMatchObject({ code: 0 });
      expect(server.requests.length - asked).toBe(2 * (16 - kept.length)); // greedy and sampled
      expect((await stage.seal(2)).digest).toBe(calm.manifest.digest);
    },
  );
});

describe('a store that is not there', () => {
  test.skipIf(withoutMounts !== null)(
    `ends a stage with 69 and words in the middle and at its start, nothing is written in its place, and it goes on when the store is back${why(withoutMounts)}`,
    async () => {
      const disk = aRemovableDisk();
      const world = await aWorld(disk.folder, server.url);
      const calm = await world.calm('evaluate');
      const stage = await world.plan('evaluate', 'unmounted');
      const from = server.requests.length;
      server.beforeAnswer = () => {
        if (server.requests.length === from + 10) disk.remove();
        return undefined;
      };
      const end = await stage.start().ended;
      expect(end).toMatchObject({ code: 69, stderr: expect.stringMatching(/^the store is gone: .*is it mounted\?/) });
      expect(await stage.start({ attempt: 1 }).ended).toMatchObject({
        code: 69,
        stderr: expect.stringMatching(/^the store is gone: .*stages is not there/),
      });
      expect([...filesIn(disk.folder).keys()]).toEqual([]);

      disk.mend();
      expect(stage.dir).toBe(stageDir(disk.folder, stage.stage.key));
      const asked = server.requests.length;
      expect(await stage.start({ attempt: 2 }).ended).toMatchObject({ code: 0 });
      expect(server.requests.length - asked).toBeLessThan(32);
      expect((await stage.seal(2)).digest).toBe(calm.manifest.digest);
    },
  );
});
