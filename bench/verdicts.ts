import { execa } from 'execa';
import { z } from 'zod';
import { inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import { parseOrRefuse } from '../spec/index.ts';
import { atLeast, type Benchmark, numberText, withoutTarget } from './benchmark.ts';
import { summarise } from './statistics.ts';

const PROGRAM = 'bench/verdicts.py';

/** Output of the program: the time of all pairs, for each round. */
const Measured = z.object({
  pairs: z.int(),
  seconds: z.object({ loop: z.array(z.number()), judges: z.array(z.number()), cached: z.array(z.number()) }),
  unjudged: z.int(),
  differ: z.array(z.object({ reference: z.string(), completion: z.string(), loop: z.string(), judges: z.string() })),
});

export const verdicts: Benchmark = {
  name: 'verdicts',
  question: 'What do killable judges cost, compared with a plain loop over the library?',
  method: `${PROGRAM} judges references of MATH-500, AMC 2023, AIME 2024 and 250 of GSM8K, each with its own answer and with that of
another problem, in random order. Three ways take turns: Math-Verify in a loop, as in its README, with its time limits by signals, in its own
process; one judge of the verifier without its cache, asked over pipes as stages ask; and one judge with its cache, every pair twice. One judge
uses one core.`,

  async run({ full }) {
    const { stdout } = await execa(VENV_PYTHON, [inProject(PROGRAM), full ? '5' : '2'], {
      cwd: PROJECT,
      env: { PYTHONPATH: inProject('trainers'), OMP_NUM_THREADS: '1' },
    });
    const measured = parseOrRefuse(Measured, JSON.parse(stdout), `what ${PROGRAM} prints`);
    const { pairs, seconds, unjudged, differ } = measured;
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
          ],
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
