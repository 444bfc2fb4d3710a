export { type Capacity, localRefusal, machineCapacity, refusalFor } from './capacity.ts';
export { createLocalExecutor, type LocalExecutorOptions } from './executor.ts';
export { localOutcome } from './outcome.ts';
