import { condition, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { type StageStatus, shownValue } from '../spec/index.ts';
import type { CampaignStages } from './campaign-stages.ts';
import { Refusal } from './input/refusal.ts';
import { asRefused, type Handlers } from './listen.ts';
import { type CAMPAIGN_MESSAGES, retrySignal, setPausedSignal } from './messages.ts';
import { contradictsPause, isAtRest } from './policy/stage-states.ts';
import { ignoreUnlessCancelled } from './settle.ts';
import { ACTIVITY_OPTIONS } from './timeouts.ts';

const { askStages } = proxyActivities<Activities>(ACTIVITY_OPTIONS);

/** A pause asks the stages for their state when they have not reported that they stopped within this time. *Ours*. */
const ASK_AFTER_SECONDS = 5;

/** What people and stages tell a campaign: pause, resume, retry, approve, and reports of its stages. */
export class CampaignControl {
  private readonly campaignId: string;
  private readonly stages: CampaignStages;
  private readonly approved: Set<string>;

  /** @param approved - arms that were approved in earlier runs of the campaign */
  constructor(campaignId: string, stages: CampaignStages, approved: readonly string[] = []) {
    this.campaignId = campaignId;
    this.stages = stages;
    this.approved = new Set(approved);
  }

  approvedArms(): string[] {
    return [...this.approved];
  }

  handlers(): Handlers<typeof CAMPAIGN_MESSAGES> {
    const { stages } = this;
    const { table } = stages;
    return {
      queries: { status: () => table.status() },
      // Updates, because a client waits for the effect or learns why the request is refused.
      updates: {
        pause: {
          accept: () => refuseIf(stages.paused, 'the campaign is paused already'),
          handle: () =>
            asRefused(async () => {
              await this.pause();
              await this.untilAtRest();
              return table.status();
            }),
        },
        resume: {
          accept: () => refuseIf(!stages.paused, 'the campaign is not paused'),
          handle: async () => {
            await this.resume();
            return table.status();
          },
        },
        retryStage: {
          // Any running stage passes here. The table may show a wrong state, so the handler asks the stage whether it
          // is held.
          accept: ({ stage }) => refuseIf(!stages.running.has(stage), this.notHeld(stage)),
          handle: ({ stage }) =>
            asRefused(async () => {
              await this.retryStage(stage);
              return table.status();
            }),
        },
        approve: {
          accept: ({ arm }) => {
            if (stages.spec !== null) this.armsToApprove(arm);
          },
          handle: ({ arm }) =>
            asRefused(async () => {
              await this.approve(arm);
              return table.status();
            }),
        },
      },
      signals: {
        pause: async () => {
          if (!stages.paused) await this.pause();
        },
        resume: async () => {
          if (stages.paused) await this.resume();
        },
        retryStage: ({ stage }) => this.retryStage(stage),
        approve: ({ arm }) => this.approve(arm),
        stageChanged: async ({ campaignRun, status }) => {
          this.refuseOtherRun(campaignRun);
          table.reported(status);
          await this.correctPause(status);
        },
        stageProgress: ({ campaignRun, stage, progress }) => {
          this.refuseOtherRun(campaignRun);
          table.reportedProgress(stage, progress);
        },
      },
    };
  }

  /** Waits until the RL of an arm is approved, if the spec requires that. */
  async untilApproved(arm: string): Promise<void> {
    if (!this.stages.spec?.approveBeforeRl || this.approved.has(arm)) return;
    this.stages.table.setState(`${arm}/rl`, 'blocked', 'waits for approve');
    await condition(() => this.approved.has(arm));
    this.stages.table.setState(`${arm}/rl`, 'pending');
  }

  private async pause(): Promise<void> {
    this.stages.paused = true;
    this.stages.table.show();
    await this.stages.sendPaused();
  }

  private async resume(): Promise<void> {
    const { running, table } = this.stages;
    this.stages.paused = false;
    table.show();
    // A stage that still shows `paused` would let the next pause return while the stage starts its processes again.
    for (const name of running.keys()) if (table.get(name).state === 'paused') table.setState(name, 'starting');
    await this.stages.sendPaused();
  }

  /**
   * Returns when no stage has a process left. Anyone can send `stageChanged`, so the pause does not rely on reports: it
   * asks the stages.
   * @throws Refusal when the campaign is resumed meanwhile
   */
  private async untilAtRest(): Promise<void> {
    const { stages } = this;
    const reportedAtRest = (): boolean =>
      stages.starting === 0 && [...stages.running.keys()].every((name) => isAtRest(stages.table.get(name).state));
    for (;;) {
      const timer = { summary: 'waiting for the stages to free their machines' };
      await condition(() => !stages.paused || reportedAtRest(), ASK_AFTER_SECONDS * 1000, timer);
      if (!stages.paused) throw new Refusal('the campaign was resumed before every machine was free');
      if (stages.starting > 0) continue;
      await this.askStages([...stages.running.keys()]);
      if (reportedAtRest()) return;
    }
  }

  /**
   * Asks the stage first when the table does not show it as held: a false report may have changed the table.
   * @throws Refusal when the stage is not held
   */
  private async retryStage(name: string): Promise<void> {
    const { running, table } = this.stages;
    if (!this.isHeld(name) && running.has(name)) await this.askStages([name]);
    refuseIf(!this.isHeld(name), this.notHeld(name));
    table.setState(name, 'starting');
    await running.get(name)?.signal(retrySignal);
  }

  /** Asks stages for their status and corrects the table. */
  private async askStages(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const { running, table } = this.stages;
    const { value } = await askStages({ campaignId: this.campaignId, stages: names });
    for (const status of value) {
      // A stage that has ended meanwhile delivers its result itself.
      if (running.has(status.name) && status.result === null) table.reported(status);
    }
  }

  /**
   * The state of a stage contradicts the pause of its campaign only if somebody else sent it `setPaused`. This sends
   * the right value again.
   */
  private async correctPause({ name, state }: StageStatus): Promise<void> {
    const { paused, running } = this.stages;
    if (!contradictsPause(state, paused)) return;
    await running.get(name)?.signal(setPausedSignal, paused).catch(ignoreUnlessCancelled);
  }

  /**
   * Approves an arm, or all arms. Before the admission the arms are not known, so it waits for them.
   * @throws Refusal for an unknown arm
   */
  private async approve(arm: string | undefined): Promise<void> {
    if (this.stages.spec === null) await condition(() => this.stages.spec !== null);
    for (const name of this.armsToApprove(arm)) this.approved.add(name);
  }

  private isHeld(name: string): boolean {
    return this.stages.running.has(name) && this.stages.table.get(name).state === 'held';
  }

  private notHeld(name: string): string {
    const held = this.stages.table.all().filter(({ state }) => state === 'held');
    const got = `but got ${shownValue(name)}`;
    if (held.length === 0) return `stage: expected a held stage, ${got}; no stage of this campaign is held`;
    return `stage: expected a held stage (${held.map((one) => one.name).join(', ')}), ${got}`;
  }

  /** @param arm - undefined for all arms. @throws Refusal for an unknown arm */
  private armsToApprove(arm: string | undefined): string[] {
    const arms = (this.stages.spec?.arms ?? []).map(({ name }) => name);
    if (arm === undefined) return arms;
    refuseIf(!arms.includes(arm), `arm: expected one of ${arms.join(', ')}, but got ${shownValue(arm)}`);
    return [arm];
  }

  private refuseOtherRun(campaignRun: string): void {
    refuseIf(campaignRun !== this.stages.campaignRun, 'sent by a stage of another run of this campaign');
  }
}

/** @throws Refusal */
function refuseIf(wrong: boolean, message: string): void {
  if (wrong) throw new Refusal(message);
}
