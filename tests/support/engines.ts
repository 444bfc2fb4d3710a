import { ENGINES, type Engines } from '../../planner/index.ts';

/** Toy programs and simulated pods accept any number of GPUs and any size of model. */
export const ANY_SIZE: Engines = {
  ...ENGINES,
  trainers: { ...ENGINES.trainers, gpusPerRank: 1024, shardsThePolicy: true },
};
