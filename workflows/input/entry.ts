/**
 * Parses the inputs of the two workflows. Anyone can start them with anything. Invalid input ends the workflow with an
 * error message.
 */
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import {
  CAMPAIGN_ID,
  InvalidInputError,
  type JsonLimits,
  jsonFault,
  SPEC_LIMITS,
  type StageRequest,
} from '../../spec/index.ts';
import { count, fields, flag, nullable, oneOf, parseShape, text } from './shape.ts';
import type { CampaignStart, CarriedCampaign, StageRun } from './start.ts';
import { armName, stageKind, stageName } from './status.ts';
import { Unreadable } from './unreadable.ts';

/**
 * Ends the workflow with the failure `InvalidInput` when `parse` refuses the input. Any other error is a programming
 * error: it fails the workflow task until the code is repaired.
 */
export function parseInput<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw ApplicationFailure.nonRetryable(error.message, 'InvalidInput', error.complaints);
  }
}

const campaignIdShape = text(CAMPAIGN_ID.length, CAMPAIGN_ID.pattern, CAMPAIGN_ID.expected);

/**
 * Parses the input of a campaign, except for the fields of its spec: the activity `admitCampaign` parses those.
 * @throws InvalidInputError
 */
export function parseCampaignStart(input: unknown, more: readonly unknown[]): CampaignStart {
  refuseRepetition();
  const campaignId = parseShape(campaignIdShape, workflowInfo().workflowId, 'the workflow id');
  const carried = isContinued() && more.length === 1 ? more[0] : undefined;
  if (carried === undefined) refuseMore('a campaign', 'its spec', more);
  if (input instanceof Unreadable) {
    throw new InvalidInputError('the campaign spec', [
      { field: '', message: `expected the spec as one JSON object, but got ${input.reason}` },
    ]);
  }
  // The activity gets the input as it is, so the workflow checks its size.
  const fault = jsonFault(input, SPEC_LIMITS);
  if (fault !== null) throw new InvalidInputError('the campaign spec', [fault]);
  // `carried` needs no parser: only a continued run has it, and this code wrote it.
  return { campaignId, input, carried: carried as CarriedCampaign };
}

/** A request holds a part of the spec and references to input stages. */
const REQUEST_LIMITS: JsonLimits = { bytes: 2 * SPEC_LIMITS.bytes, depth: SPEC_LIMITS.depth + 2 };

/** The part of a request that the workflow reads. The activities check the whole request. */
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
    mayBeEmpty: flag,
  },
  'dropped',
);

/** Parses the input of a stage. Only a campaign may start a stage. @throws InvalidInputError */
export function parseStageStart(input: unknown, more: readonly unknown[]): StageRun {
  refuseRepetition();
  const { parent, workflowId } = workflowInfo();
  const what = 'the input of the stage';
  if (parent === undefined) {
    const message =
      'expected a start by its campaign, but got a start by a client; start a workflow of type campaign instead';
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
    const message = 'expected nothing at the first start: only a run that continues as new carries state over';
    throw new InvalidInputError(what, [{ field: 'carried', message }]);
  }
  const parsed = { campaignId, campaignRun, arm, onFailure, paused, mayBeEmpty, request: given.request };
  return given.carried === undefined ? parsed : { ...parsed, carried: given.carried };
}

/** Whether this run continues an earlier run. Cron and retries set the same field; both are refused before. */
const isContinued = (): boolean => (workflowInfo().continuedFromExecutionRunId ?? '') !== '';

/**
 * With cron or a retry policy, Temporal would start the workflow again with its first input, and the run would look
 * continued.
 */
function refuseRepetition(): void {
  const { cronSchedule, retryPolicy } = workflowInfo();
  const complaints = [
    ...((cronSchedule ?? '') === '' ? [] : [{ field: 'cronSchedule', message: 'expected none: start it once' }]),
    ...(retryPolicy === undefined
      ? []
      : [{ field: 'retryPolicy', message: 'expected none: a campaign retries its stages itself' }]),
  ];
  if (complaints.length > 0) throw new InvalidInputError('the start options of the workflow', complaints);
}

function refuseMore(who: string, what: string, more: readonly unknown[]): void {
  if (more.length === 0) return;
  const message = `expected ${what} alone, but got ${1 + more.length} payloads`;
  throw new InvalidInputError(`the input of ${who}`, [{ field: '', message }]);
}
