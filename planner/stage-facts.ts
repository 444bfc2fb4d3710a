import type { CampaignSpec, StageSlot } from '../spec/index.ts';
import type { Architecture } from './architecture.ts';
import type { Work } from './work.ts';

/** The facts from which the memory and the time of a stage are computed. */
export interface StageFacts {
  readonly slot: StageSlot;
  readonly spec: CampaignSpec;
  readonly architecture: Architecture;
  readonly work: Work;
  readonly gpus: number;
  readonly gpusPerPod: number;
}
