import type { CampaignSpec, StageSlot } from '../spec/index.ts';
import type { Architecture } from './architecture.ts';
import type { Work } from './work.ts';

/** What every planner of a stage is given. */
export interface Asked {
  readonly slot: StageSlot;
  readonly spec: CampaignSpec;
  readonly architecture: Architecture;
  readonly work: Work;
  readonly gpus: number;
  readonly gpusPerPod: number;
}
