import { execa } from 'execa';
import { z } from 'zod';
import { inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import { parseOrRefuse } from '../spec/index.ts';
import { type Benchmark, numberText, withoutTarget } from './benchmark.ts';

const PROGRAM = 'bench/checkpoint_cost.py';

const Times = z.object({ median: z.number(), least: z.number(), most: z.number() });
/** Output of the program; times in seconds. */
const Measured = z.object({
  baseline: Times,
  ours: Times,
  ratio: z.number(),
  repetitions: z.int(),
  parameters: z.int(),
  bytes: z.int(),
  parts: z.record(z.string(), Times),
});

export const checkpointCost: Benchmark = {
  name: 'checkpoint-cost',
  question: 'What does a checkpoint with checksums cost, compared with plain saving?',
  method: `${PROGRAM} saves one model, optimizer, scheduler and random states in two ways, in turn. transformers' Trainer alone
leaves its files in the page cache. The trainers' own code makes every file durable, hashes it, writes the marker last, and removes what need not
be kept. Both run in one process, after a first round that does not count.`,

  async run() {
    // The output of the libraries is shown only if the program fails.
    const { stdout } = await execa(VENV_PYTHON, [inProject(PROGRAM)], {
      cwd: PROJECT,
      env: { PYTHONPATH: inProject('trainers'), OMP_NUM_THREADS: '1' },
    });
    const measured = parseOrRefuse(Measured, JSON.parse(stdout), `what ${PROGRAM} prints`);
    const { baseline, ours, ratio, bytes, parameters, repetitions, parts } = measured;
    const megabytes = numberText(bytes / 1e6);
    const row = (what: string, { median, least, most }: z.infer<typeof Times>) => [
      ...[what, numberText(median), numberText(least), numberText(most)],
      numberText(median / baseline.median),
    ];
    return {
      goals: [
        withoutTarget('orrery’s checkpoint, ratio to plain saving', numberText(ratio)),
        withoutTarget('time that it adds, in s per GB', numberText((ours.median - baseline.median) / (bytes / 1e9))),
      ],
      tables: [
        {
          title: `${repetitions} checkpoints of ${megabytes} MB (${numberText(parameters / 1e6)} M parameters), in s`,
          columns: ['what', 'median', 'min', 'max', 'ratio to plain saving'],
          rows: [
            row('plain saving', baseline),
            row('ours', ours),
            ...Object.entries(parts).map(([part, times]) => row(`${part} alone`, times)),
          ],
        },
      ],
      notes: [],
      data: measured,
    };
  },
};
