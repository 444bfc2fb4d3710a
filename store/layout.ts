import { join } from 'node:path';

/** Paths in the store; see docs/architecture.md. The parameter `stage` is the folder of a stage. */

/** A part, attempt or shard as a file name: five digits, so that names sort like numbers. */
export const numbered = (index: number): string => String(index).padStart(5, '0');

export const stageDir = (store: string, key: string): string => join(store, 'stages', key);
export const stageFilePath = (stage: string): string => join(stage, 'stage.json');
export const sourcesPath = (stage: string): string => join(stage, 'sources.json');
export const manifestPath = (stage: string): string => join(stage, 'manifest.json');

export const claimsDir = (stage: string): string => join(stage, 'claims');
export const claimPath = (stage: string, attempt: number): string =>
  join(claimsDir(stage), `${numbered(attempt)}.json`);

export const progressPath = (stage: string, part: number): string => join(stage, 'progress', `${numbered(part)}.json`);
export const partsDir = (stage: string): string => join(stage, 'parts');
export const partPath = (stage: string, part: number): string => join(partsDir(stage), `${numbered(part)}.json`);

export const dataDir = (stage: string): string => join(stage, 'data');
export const checkpointsDir = (stage: string): string => join(stage, 'checkpoints');
/** The file of a checkpoint that is written last. A checkpoint without it is incomplete. */
export const CHECKPOINT_MARKER = 'complete.json';

export const logsDir = (stage: string, attempt: number): string => join(stage, 'logs', `attempt-${attempt}`);
export const logPath = (stage: string, attempt: number, part: number, container: 'main' | 'policy-server'): string =>
  join(logsDir(stage, attempt), `${numbered(part)}-${container}.log`);

export const campaignDir = (store: string, campaignId: string): string => join(store, 'campaigns', campaignId);
/** @param campaign - folder of the campaign */
export const publishedRecordPath = (campaign: string): string => join(campaign, 'published.json');
