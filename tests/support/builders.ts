import {
  type CampaignStatus,
  type FailureClass,
  type Incident,
  NEW_ACCOUNT,
  type Progress,
  pendingStage,
  type StageStatus,
} from '../../spec/index.ts';

/** Builders of valid values. A test overrides only the fields that matter to it. */

export const aStage = (change: Partial<StageStatus> = {}): StageStatus => ({
  ...pendingStage({ name: 'search', kind: 'search', arm: null }),
  ...change,
});

export const aProgress = (change: Partial<Progress> = {}): Progress => ({
  attempt: 0,
  unit: 'problem',
  done: 50,
  total: 100,
  rate: 5,
  metrics: {},
  from: 0,
  beganAt: null,
  savingSeconds: 0,
  updatedAt: '2026-01-01T00:01:40Z',
  ...change,
});

export const anIncident = (change: Partial<Incident> & { class: FailureClass }): Incident => ({
  message: 'as it said',
  attempt: 0,
  exitCode: null,
  part: null,
  node: null,
  at: '2026-01-01T00:00:00Z',
  followed: 'another attempt at once',
  costSeconds: 0,
  lostUnits: 0,
  ...change,
});

export const aCampaignStatus = (change: Partial<CampaignStatus> = {}): CampaignStatus => ({
  campaignId: 'tiny',
  name: 'tiny',
  phase: 'running',
  stages: [],
  account: NEW_ACCOUNT,
  gpuHours: 0,
  report: null,
  ...change,
});
