import type { Benchmark } from './benchmark.ts';
import { checkpointCost } from './checkpoint-cost.ts';
import { cliStart } from './cli-start.ts';
import { deadTime } from './dead-time.ts';
import { ettr } from './ettr.ts';
import { history } from './history.ts';
import { kubernetesConnections } from './kubernetes-connections.ts';
import { kubernetesDeadTime } from './kubernetes-dead-time.ts';
import { kubernetesLoad } from './kubernetes-load.ts';
import { overhead } from './overhead.ts';
import { searchBeside } from './search-beside.ts';
import { searchDriver } from './search-driver.ts';
import { searchKill } from './search-kill.ts';
import { trainerKill } from './trainer-kill.ts';
import { trainerStart } from './trainer-start.ts';
import { trainersBeside } from './trainers-beside.ts';
import { verdicts } from './verdicts.ts';
import { workerKill } from './worker-kill.ts';
import { workflowWeight } from './workflow-weight.ts';

/** Every benchmark, in the order in which they run. */
export const BENCHMARKS: readonly Benchmark[] = [
  deadTime,
  trainerKill,
  trainerStart,
  trainersBeside,
  workerKill,
  overhead,
  checkpointCost,
  workflowWeight,
  history,
  ettr,
  kubernetesDeadTime,
  kubernetesLoad,
  kubernetesConnections,
  searchDriver,
  searchKill,
  searchBeside,
  verdicts,
  cliStart,
];
