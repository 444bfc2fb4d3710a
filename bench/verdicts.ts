import { delimiter } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { inOrrery, inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import { findPython } from '../dev/setup/interpreter.ts';
import { findUv } from '../dev/setup/uv.ts';
import { parseOrRefuse } from '../spec/index.ts';
import { atLeast, type Benchmark, numberText, withoutTarget } from './benchmark.ts';
import { summarise } from './statistics.ts';

const PROGRAM = 'bench/verdicts.py';

const Times = z.array(z.number());

/** Output of the program: the time of all pairs, for each round. */
const Measured = z.object({
  pairs: z.int(),
  seconds: z.object({ loop: Times, judges: Times, cached: Times, pebble: Times, pebbleChunks: Times }),
  processor: z.object({ loop: Times, judges: Times, pebble: Times, pebbleChunks: Times }),
  /** Over the time limit, in seconds. */
  hangs: z.object({ judges: Times, pebble: Times }),
  unjudged: z.int(),
  differ: z.array(z.object({ reference: z.string(), completion: z.string(), loop: z.string(), judges: z.string() })),
});

export const verdicts: Benchmark = {
  name: 'verdicts',
  question: 'What do killable judges cost, compared with a plain loop over the library and with a pool of pebble?',
  method: `${PROGRAM} judges references of MATH-500, AMC 2023, AIME 2024 and 250 of GSM8K, each with its own answer and with that of
another problem, in random order. Five ways take turns: Math-Verify in a loop, as in its README, with its time limits by signals, in its own
process; one judge of the verifier without its cache, asked over pipes as stages ask; one judge with its cache, every pair twice; a process pool of
pebble 5.2.3 (bench/requirements.txt) with one process, a task for each verdict; and its \`map\` with 64 verdicts in a task, which share a time
limit. One judge uses one core. Then a verdict hangs in C code that lets no signal handler of Python run: the time over its limit until the next
verdict.`,

  async run({ full }) {
    const packages = inOrrery('bench-packages');
    const install = ['pip', 'install', '--quiet', '--require-hashes', '--python', VENV_PYTHON, '--target', packages];
    await execa(await findUv(findPython), [...install, '--requirements', inProject('bench/requirements.txt')]);
    const { stdout } = await execa(VENV_PYTHON, [inProject(PROGRAM), full ? '5' : '2'], {
      cwd: PROJECT,
      env: { PYTHONPATH: [inProject('trainers'), packages].join(delimiter), OMP_NUM_THREADS: '1' },
    });
    const measured = parseOrRefuse(Measured, JSON.parse(stdout), `what ${PROGRAM} prints`);
    const { pairs, seconds, processor, hangs, unjudged, differ } = measured;
    const rate = (times: readonly number[]) => pairs / summarise(times).median;
    const row = (what: string, times: readonly number[]) => {
      const { median, min, max } = summarise(times);
      return [what, ...[pairs / median, pairs / max, pairs / min, rate(times) / rate(seconds.loop)].map(numberText)];
    };
    const decided = pairs - unjudged;
    return {
      goals: [
        atLeast('speed of judges without a cache, times the loop', rate(seconds.judges) / rate(seconds.loop), 0.9, 'x'),
        atLeast('same verdict as the loop', (100 * (decided - differ.length)) / decided, 100, '%'),
        withoutTarget('verdicts per second and core, isolated, without a cache', numberText(rate(seconds.judges))),
      ],
      tables: [
        {
          title: `${pairs} pairs, ${seconds.loop.length} rounds, in verdicts per second and core`,
          columns: ['what', 'median', 'min', 'max', 'ratio to the loop'],
          rows: [
            row('plain loop', seconds.loop),
            row('one judge, no cache', seconds.judges),
            row('one judge, cache, each pair twice', seconds.cached),
            row('pebble, a task for each verdict', seconds.pebble),
            row('pebble, 64 verdicts in a task', seconds.pebbleChunks),
          ],
        },
        {
          title: 'Processor time of the same verdicts, without the start of the processes, in ms a verdict',
          columns: ['what', 'median', 'min', 'max'],
          rows: Object.entries(processor).map(([name, times]) => {
            const { median, min, max } = summarise(times);
            return [name, ...[median, min, max].map((used) => numberText((1000 * used) / pairs))];
          }),
        },
        {
          title: 'A verdict that hangs in C code: seconds over its time limit until the next verdict',
          columns: ['what', 'median', 'min', 'max'],
          rows: (['judges', 'pebble'] as const).map((name) => {
            const { median, min, max } = summarise(hangs[name]);
            return [name, ...[median, min, max].map(numberText)];
          }),
        },
      ],
      notes: [
        `${unjudged} of ${pairs} pairs could not be judged.`,
        ...differ.slice(0, 10).map((one) => `Differs: ${JSON.stringify(one)}`),
      ],
      data: measured,
    };
  },
};
