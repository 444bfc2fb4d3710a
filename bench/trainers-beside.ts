import { execa } from 'execa';
import { z } from 'zod';
import { inProject, PROJECT, VENV_PYTHON } from '../config/paths.ts';
import { parseOrRefuse } from '../spec/index.ts';
import { type Benchmark, equal, numberText, withoutTarget } from './benchmark.ts';
import { summarise } from './statistics.ts';

const PROGRAM = 'bench/trainers_beside.py';

/** Case (`2 spinning`) → optimizer steps per second and hash of the weights of each trainer. */
const Measured = z.record(z.string(), z.array(z.object({ perSecond: z.number(), weights: z.string() })));

export const trainersBeside: Benchmark = {
  name: 'trainers-beside',
  question: 'How much do threads that spin while they wait slow down trainers, alone and beside another?',
  method: `${PROGRAM} runs the program of a stage \`pretrain\`, with a thread for each core: alone, and two at the same time on the same cores, as in two
installations on one machine. Each case runs with threads that spin briefly at barriers and then sleep, as trainers set it, and with threads that
spin long, which is the baseline: the default of torch’s OpenMP library. The speed is that of the median optimizer step. Other processes of the machine act like a second trainer.`,

  async run() {
    const { stdout } = await execa(VENV_PYTHON, [inProject(PROGRAM)], {
      cwd: PROJECT,
      env: { PYTHONPATH: inProject('trainers') },
    });
    const measured = parseOrRefuse(Measured, JSON.parse(stdout), `what ${PROGRAM} prints`);
    const speedOf = (name: string): number => summarise((measured[name] ?? []).map(({ perSecond }) => perSecond)).mean;
    const ratioOf = (trainers: number): number => speedOf(`${trainers} brief`) / speedOf(`${trainers} spinning`);
    const weights = new Set(Object.values(measured).flatMap((trainers) => trainers.map((one) => one.weights)));
    return {
      goals: [
        withoutTarget(
          'a trainer alone, its speed with threads that spin briefly',
          `${numberText(ratioOf(1))} times the baseline`,
        ),
        withoutTarget(
          'two trainers, their speed with threads that spin briefly',
          `${numberText(ratioOf(2))} times the baseline`,
        ),
        equal('different weights that all these trainings gave', weights.size, 1),
      ],
      tables: [
        {
          title: 'Optimizer steps per second of each trainer, mean of the trainers',
          columns: ['trainers at the same time', 'brief', 'long'],
          rows: [1, 2].map((trainers) => [
            trainers,
            numberText(speedOf(`${trainers} brief`)),
            numberText(speedOf(`${trainers} spinning`)),
          ]),
        },
      ],
      notes: [],
      data: measured,
    };
  },
};
