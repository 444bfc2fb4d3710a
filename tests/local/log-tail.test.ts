import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { tail } from '../../local/log-tail.ts';
import { lastMessageOfLog } from '../../spec/last-log-message.ts';

const folder = mkdtempSync(join(tmpdir(), 'orrery-tail-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the last message of a program', () => {
  it.each([
    { name: 'is its last line', log: 'first\nlast\n\n', want: 'last' },
    {
      name: 'is the message of a pino line',
      log: '{"level":50,"time":1,"msg":"the store is full"}',
      want: 'the store is full',
    },
    {
      name: 'includes the error of a pino line',
      log: '{"level":60,"msg":"stage failed","err":{"type":"Error","message":"no such file"}}',
      want: 'stage failed: no such file',
    },
    {
      name: 'is the error above the lines that Node prints under it',
      log: "RangeError: out of it\n    at f (a.ts:1:2)\n    at g {\n  code: 'E',\n  [cause]: 1\n}\n\nNode.js v24.21.0\n",
      want: 'RangeError: out of it',
    },
    {
      name: 'is the last line of a Python traceback',
      log: '  File "a.py", line 1\nValueError: bad\n',
      want: 'ValueError: bad',
    },
    {
      name: 'is the line before the stacks of a diagnosis',
      log: 'all is well\nCurrent thread 0x00007f01 (most recent call first):\n  File "a.py", line 3 in wait\nNode.js report completed\n',
      want: 'all is well',
    },
    { name: 'is unchanged JSON that is no log line', log: '{"a": 1}', want: '{"a": 1}' },
    { name: 'is null if there is none', log: '\n\n', want: null },
  ])('$name', ({ log, want }) => expect(lastMessageOfLog(log.split('\n'))).toBe(want));

  it('is cut when it is long', () => {
    expect(lastMessageOfLog(['x'.repeat(10_000)])).toHaveLength(500);
  });
});

test('a tail is cut by lines and by bytes, and never starts within a line', async () => {
  const path = join(folder, 'log');
  writeFileSync(path, 'one\ntwo\nthree\nfour\n');
  expect(await tail(path, { maxLines: 2, maxBytes: 1000 })).toEqual(['three', 'four']);
  expect(await tail(path, { maxLines: 9, maxBytes: 10 })).toEqual(['four']);
  expect(await tail(path, { maxLines: 0, maxBytes: 1000 })).toEqual([]);
  expect(await tail(join(folder, 'none'), { maxLines: 2, maxBytes: 1000 })).toEqual([]);
});
