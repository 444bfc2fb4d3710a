export { type Capacity, machineCapacity, refusalFor } from './capacity.ts';
export { createLocalExecutor, type LocalExecutorOptions } from './executor.ts';
export type { Gpu } from './gpus.ts';
export { localOutcome } from './outcome.ts';
export { localMachine } from './strays.ts';
