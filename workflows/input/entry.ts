/** What the two workflows are started with. Anyone may start them, with anything; wrong input ends the run in words. */
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import {
  CampaignId,
  type CampaignSpec,
  InvalidInputError,
  type JsonLimits,
  jsonFault,
  parseCampaignSpec,
  parseOrRefuse,
  SPEC_LIMITS,
  type StageRequest,
} from '../../spec/index.ts';
import type { Carried as CarriedCampaign } from '../campaign.ts';
import type { StageRun } from '../stage.ts';
import { count, fields, flag, nullable, oneOf, optional, parseShape, text } from './shape.ts';
import { armName, stageKind, stageName } from './status.ts';
import { Unreadable } from './unreadable.ts';

/**
 * Runs `parse`; input that it refuses ends the workflow at once, with the failure `InvalidInput`. Any other error is a fault of ours, and fails
 * the workflow task until it is mended.
 */
export function admitted<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw ApplicationFailure.nonRetryable(error.message, 'InvalidInput', error.complaints);
  }
}

/** Start of a campaign: its id, its spec, and what its run before hands over. @throws InvalidInputError */
export function parseCampaignStart(
  input: unknown,
  more: readonly unknown[],
): { campaignId: string; spec: CampaignSpec; carried: CarriedCampaign | undefined } {
  refuseRepetition();
  const campaignId = parseOrRefuse(CampaignId, workflowInfo().workflowId, 'the workflow id');
  const carried = isContinued() && more.length === 1 ? more[0] : undefined;
  if (carried === undefined) refuseMore('a campaign', 'its spec', more);
  if (input instanceof Unreadable) {
    throw new InvalidInputError('the campaign spec', [
      { field: '', message: `expected the spec as one JSON object, but got ${input.reason}` },
    ]);
  }
  // Made by this very code, and by nobody else: only a run that goes on has it.
  return { campaignId, spec: parseCampaignSpec(input, 'the campaign spec'), carried: carried as CarriedCampaign };
}

/** A request holds part of a spec, and references to the stages that it reads. */
const REQUEST_LIMITS: JsonLimits = { bytes: 2 * SPEC_LIMITS.bytes, depth: SPEC_LIMITS.depth + 2 };

/** Of the request what the workflow itself reads; the activities check all of it. */
const request = fields<Pick<StageRequest, 'name' | 'kind'> & { config: object }>(
  {
    name: stageName,
    kind: stageKind,
    config: fields<{ run: object }>(
      {
        run: fields<{ shards: number; ranks: number; resources: object }>(
          { shards: count(1), ranks: count(1), resources: fields<{ gpus: number }>({ gpus: count() }, 'dropped') },
          'dropped',
        ),
      },
      'dropped',
    ),
  },
  'dropped',
);

const stageRun = fields<Omit<StageRun, 'request' | 'carried'> & { request: object }>(
  {
    campaignId: text(128),
    campaignRun: text(100),
    arm: nullable(armName),
    request,
    onFailure: oneOf({ hold: true, fail: true }),
    paused: flag,
    // Campaigns of older versions do not say.
    mayBeEmpty: optional(flag, false),
  },
  'dropped',
);

/** Start of a stage. Only its campaign starts one. @throws InvalidInputError */
export function parseStageStart(input: unknown, more: readonly unknown[]): StageRun {
  refuseRepetition();
  const { parent, workflowId } = workflowInfo();
  const what = 'the input of the stage';
  if (parent === undefined) {
    const message =
      'expected to be started by its campaign, but was started by hand; start a workflow of type campaign';
    throw new InvalidInputError(what, [{ field: '', message }]);
  }
  refuseMore('a stage', 'one object', more);
  const { campaignId, campaignRun, arm, onFailure, paused, mayBeEmpty, request } = parseShape(stageRun, input, what);
  const given = input as StageRun;
  const fault = jsonFault(given.request, REQUEST_LIMITS);
  if (fault !== null) throw new InvalidInputError(what, [{ ...fault, field: `request.${fault.field}` }]);
  const { name } = request as Pick<StageRequest, 'name'>;
  if (parent.workflowId !== campaignId || workflowId !== `${campaignId}/${name}`) {
    const message = `expected the stage ${name} of ${campaignId} under the id ${campaignId}/${name}, started by ${campaignId}`;
    throw new InvalidInputError(what, [{ field: 'campaignId', message }]);
  }
  if (given.carried !== undefined && !isContinued()) {
    const message = 'expected nothing at the first start: only a run that goes on hands anything over';
    throw new InvalidInputError(what, [{ field: 'carried', message }]);
  }
  return {
    ...{ campaignId, campaignRun, arm, onFailure, paused, mayBeEmpty, request: given.request },
    ...(given.carried === undefined ? {} : { carried: given.carried }),
  };
}

/** Whether an earlier run of this code goes on here. Cron and retries set the same field, and are refused before. */
const isContinued = (): boolean => (workflowInfo().continuedFromExecutionRunId ?? '') !== '';

/** Temporal would start the workflow again by itself, with its first input, and as if it went on. */
function refuseRepetition(): void {
  const { cronSchedule, retryPolicy } = workflowInfo();
  const complaints = [
    ...((cronSchedule ?? '') === '' ? [] : [{ field: 'cronSchedule', message: 'expected none: start it once' }]),
    ...(retryPolicy === undefined
      ? []
      : [{ field: 'retryPolicy', message: 'expected none: stages are tried again by themselves, step by step' }]),
  ];
  if (complaints.length > 0) throw new InvalidInputError('the way in which the workflow was started', complaints);
}

function refuseMore(who: string, what: string, more: readonly unknown[]): void {
  if (more.length === 0) return;
  const message = `expected ${what} alone, but got ${1 + more.length} payloads`;
  throw new InvalidInputError(`the input of ${who}`, [{ field: '', message }]);
}
