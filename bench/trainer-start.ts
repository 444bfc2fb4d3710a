import { execa } from 'execa';
import { z } from 'zod';
import { inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import { parseOrRefuse } from '../spec/index.ts';
import { type Benchmark, numberText, withoutTarget } from './benchmark.ts';
import { summarise } from './statistics.ts';

const PROGRAM = 'bench/trainer_start.py';
const BASELINE = 'torch alone';
const COLLECTED = 'rl, collected';

/** Program → step → processor time and wall time of each repetition, in seconds. */
const Measured = z.record(z.string(), z.record(z.string(), z.array(z.tuple([z.number(), z.number()]))));
type Steps = z.infer<typeof Measured>[string];

export const trainerStart: Benchmark = {
  name: 'trainer-start',
  question: 'What do the Python programs import before they work, and what does it cost?',
  method: `${PROGRAM} starts a process for each program in turn, which imports what the program imports, in the same order, and nothing
else. The baseline is a process that imports torch alone. *${COLLECTED}* imports what \`rl\` imports, but with Python’s garbage collector at work. A first round does
not count: bytecode is written and the files are in the page cache. Without bytecode a trainer needs about 5 s more.

Processor time says what a start costs; wall time also depends on what else the machine does.`,

  async run() {
    const { stdout } = await execa(VENV_PYTHON, [inProject(PROGRAM)], {
      cwd: PROJECT,
      env: { PYTHONPATH: inProject('trainers'), PYTHONDONTWRITEBYTECODE: '' },
    });
    const measured = parseOrRefuse(Measured, JSON.parse(stdout), `what ${PROGRAM} prints`);
    const totals = new Map(Object.entries(measured).map(([name, steps]) => [name, totalOf(steps)]));
    const busyOf = (name: string): number => totals.get(name)?.busy ?? Number.NaN;
    const steps = [...new Set(Object.values(measured).flatMap((one) => Object.keys(one)))];
    return {
      goals: [
        withoutTarget('imports of `rl`, ratio to torch alone', numberText(busyOf('rl') / busyOf(BASELINE))),
        withoutTarget('the same with the garbage collector', numberText(busyOf(COLLECTED) / busyOf(BASELINE))),
      ],
      tables: [
        {
          title: 'Processor time in s, median',
          columns: ['program', ...steps, 'sum', 'ratio to torch alone', 'wall time of the sum'],
          rows: Object.entries(measured).map(([name, own]) => [
            name,
            ...steps.map((step) => (own[step] === undefined ? '' : numberText(medianOf(own[step], 0)))),
            ...[busyOf(name), busyOf(name) / busyOf(BASELINE), totals.get(name)?.wall ?? Number.NaN].map(numberText),
          ]),
        },
      ],
      notes: [
        '`transformers` includes `torch._dynamo` with `torch._inductor` and `torch.distributed.tensor` with sympy, which the attention functions and the optimizer of every trainer load, and 0.5 s in which transformers reads the 1,600 files of its models for the names in them.',
      ],
      data: measured,
    };
  },
};

const medianOf = (times: readonly (readonly [number, number])[], which: 0 | 1): number =>
  summarise(times.map((time) => time[which])).median;

function totalOf(steps: Steps): { busy: number; wall: number } {
  const sum = (which: 0 | 1) => Object.values(steps).reduce((total, times) => total + medianOf(times, which), 0);
  return { busy: sum(0), wall: sum(1) };
}
