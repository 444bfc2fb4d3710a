import { execa } from 'execa';
import { z } from 'zod';
import { inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import { parseOrRefuse } from '../spec/index.ts';
import { type Benchmark, numberText, under, withoutTarget } from './benchmark.ts';

const PROGRAM = 'bench/checkpoint_cost.py';
const MOST_RATIO = 1.3;
const MOST_PER_GB = 0.8;

/** Wall time of all repetitions, and the median of the processor time. */
const Times = z.object({ median: z.number(), least: z.number(), most: z.number(), processor: z.number() });
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
be kept. Instead of the hash of a file, the Trainer alone has the CRC-32 of each tensor in files of torch. Both run in one process, after a first
round that does not count. The hashes read what was just written from memory. Syncing waits for the disk, so on a slow disk it is most of the cost.`,

  async run() {
    // The output of the libraries is shown only if the program fails.
    const { stdout } = await execa(VENV_PYTHON, [inProject(PROGRAM)], {
      cwd: PROJECT,
      env: { PYTHONPATH: inProject('trainers'), OMP_NUM_THREADS: '1' },
    });
    const measured = parseOrRefuse(Measured, JSON.parse(stdout), `what ${PROGRAM} prints`);
    const { baseline, ours, ratio, bytes, parameters, repetitions, parts } = measured;
    const megabytes = numberText(bytes / 1e6);
    const row = (what: string, { median, least, most, processor }: z.infer<typeof Times>) => [
      what,
      ...[median, least, most, median / baseline.median, processor].map(numberText),
    ];
    return {
      goals: [
        under('orrery’s checkpoint', ratio, MOST_RATIO, 'times plain saving'),
        under('time that it adds', (ours.median - baseline.median) / (bytes / 1e9), MOST_PER_GB, 's per GB'),
        withoutTarget('its processor time', `${numberText(ours.processor / (bytes / 1e9))} s per GB`),
      ],
      tables: [
        {
          title: `${repetitions} checkpoints of ${megabytes} MB (${numberText(parameters / 1e6)} M parameters), in s`,
          columns: ['what', 'median', 'min', 'max', 'ratio to plain saving', 'processor time'],
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
