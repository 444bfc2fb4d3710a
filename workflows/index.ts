export { type CampaignResult, campaign } from './campaign.ts';
export * from './messages.ts';
export { type StageRun, stage } from './stage.ts';
