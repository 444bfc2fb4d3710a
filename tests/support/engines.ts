import { ENGINES, type Engines } from '../../planner/index.ts';

/** Toy programs and simulated pods train on whatever GPUs they are given, at any size. */
export const ANY_SIZE: Engines = {
  ...ENGINES,
  trainers: { ...ENGINES.trainers, gpusPerRank: 1024, shardsThePolicy: true },
};
