import { allHandlersFinished, condition, continueAsNew } from '@temporalio/workflow';
import type { CampaignSpec, ManifestRef } from '../spec/index.ts';
import { admit } from './admission.ts';
import { CampaignControl } from './campaign-control.ts';
import { publishReport, type Report } from './campaign-report.ts';
import { CampaignStages } from './campaign-stages.ts';
import { ignoredMessages, trackIgnored } from './ignored.ts';
import { parseCampaignStart, parseInput } from './input/entry.ts';
import { listen } from './listen.ts';
import { CAMPAIGN_MESSAGES } from './messages.ts';
import { allOrFirstError } from './settle.ts';

/** Result of the workflow `campaign`. */
export interface CampaignResult {
  readonly campaignId: string;
  readonly report: Report;
  readonly stages: Readonly<Record<string, ManifestRef>>;
}

/**
 * Runs a campaign from its spec to its report: search, procedure cloning, SFT, curriculum and RL for every arm, with an
 * evaluation after each.
 * @param input - the campaign spec as JSON, unchecked: any client can start a campaign
 * @param more - what the previous run carries over when the campaign continues as new; otherwise nothing
 * @throws ApplicationFailure `InvalidInput`, non-retryable: lists every wrong field with what was expected and what
 *   came
 */
export async function campaign(input: unknown, ...more: unknown[]): Promise<CampaignResult> {
  const { campaignId, carried } = parseInput(() => parseCampaignStart(input, more));
  const stages = new CampaignStages(campaignId, carried);
  const control = new CampaignControl(campaignId, stages, carried?.approved);
  trackIgnored(carried?.ignored, () => stages.table.show());
  listen(CAMPAIGN_MESSAGES, control.handlers());

  const admitted = carried?.admitted ?? (await admit(campaignId, input));
  const { spec } = admitted;
  stages.plan(admitted);

  const recipe = runRecipe(spec, stages, control).then((analysis) => publishReport(campaignId, stages, analysis));
  const ended = await Promise.race([recipe, stages.drained, stages.fault]);
  if (ended === 'drained') {
    await condition(allHandlersFinished);
    return continueAsNew<typeof campaign>(input, {
      stages: stages.table.all(),
      settled: stages.table.settledStages(),
      ignored: ignoredMessages(),
      approved: control.approvedArms(),
      paused: stages.paused,
      admitted,
    });
  }
  stages.table.close(ended.html);
  await condition(allHandlersFinished);
  return { campaignId, report: ended, stages: Object.fromEntries(stages.table.results()) };
}

/** The recipe from top to bottom. Each name is a stage of `planCampaign`, which lists the inputs of the stage. */
async function runRecipe(spec: CampaignSpec, stages: CampaignStages, control: CampaignControl): Promise<ManifestRef> {
  const { until } = spec;
  const run = (name: string): Promise<ManifestRef> => stages.run(name);

  await allOrFirstError([run('prepare'), ...(spec.policy.type === 'pretrain' ? [run('pretrain')] : [])]);
  const base = stages.isPlanned('evaluate-base') ? run('evaluate-base') : undefined;
  await allOrFirstError([base, run('search').then(runArms)]);
  return run('analyse');

  /** Runs all arms in parallel. A failed arm does not stop the others. */
  async function runArms(): Promise<void> {
    await allOrFirstError(spec.arms.map(({ name }) => runArm(name)));
  }

  async function runArm(arm: string): Promise<void> {
    await run(`${arm}/linearise`);
    if (until === 'linearise') return;
    await run(`${arm}/rewrite`);
    if (until === 'rewrite') return;
    await run(`${arm}/sft`);
    await allOrFirstError([run(`${arm}/evaluate-sft`), reinforce(arm)]);
  }

  async function reinforce(arm: string): Promise<void> {
    if (until === 'sft') return;
    await run(`${arm}/curriculum`);
    if (until === 'curriculum') return;
    await control.untilApproved(arm);
    await run(`${arm}/rl`);
    await run(`${arm}/evaluate-rl`);
  }
}
