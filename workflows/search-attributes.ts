import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { CampaignSpec, CampaignStatus } from '../spec/index.ts';
import { keywordList, keywordText } from './policy/keywords.ts';
import { searchablePhase } from './policy/stage-states.ts';

// Same names and types as in spec/search-attributes.ts, which the worker registers.
const MODEL = defineSearchAttributeKey('OrreryModel', SearchAttributeType.KEYWORD);
const PHASE = defineSearchAttributeKey('OrreryPhase', SearchAttributeType.KEYWORD);
const ARM = defineSearchAttributeKey('OrreryArm', SearchAttributeType.KEYWORD_LIST);
const GPU_HOURS = defineSearchAttributeKey('OrreryGpuHours', SearchAttributeType.DOUBLE);

/** The search attributes of a campaign. They stay off where the worker may not register them. */
export class SearchAttributes {
  /** Values that Temporal has. Null while search attributes are off. */
  private sent: { phase: string; gpuHours: number } | null = null;

  /** Sends the attributes that never change. {@link update} sends the others from now on. */
  enable({ policy, arms }: CampaignSpec): void {
    this.sent = { phase: '', gpuHours: -1 };
    upsertSearchAttributes([
      { key: MODEL, value: keywordText(policy.name) },
      { key: ARM, value: keywordList(arms.map(({ name }) => name)) },
    ]);
  }

  /** Sends phase and GPU-hours when one of them has changed: each update is an event in the history. */
  update(status: CampaignStatus): void {
    if (this.sent === null) return;
    const next = { phase: searchablePhase(status), gpuHours: Math.round(status.gpuHours * 100) / 100 };
    if (next.phase === this.sent.phase && next.gpuHours === this.sent.gpuHours) return;
    this.sent = next;
    upsertSearchAttributes([
      { key: PHASE, value: keywordText(next.phase) },
      { key: GPU_HOURS, value: next.gpuHours },
    ]);
  }
}
