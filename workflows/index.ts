export { type CampaignResult, campaign } from './campaign.ts';
export type { StageRun } from './input/start.ts';
export * from './messages.ts';
export { stage } from './stage.ts';
