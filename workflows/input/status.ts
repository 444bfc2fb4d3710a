import {
  type Account,
  FAILURES,
  type FailureClass,
  HISTORY_LENGTH,
  type IgnoredMessages,
  type Incident,
  type LossCause,
  type ManifestRef,
  NEW_ACCOUNT,
  type Progress,
  type StageKind,
  type StageSlot,
  type StageState,
  type StageStatus,
  type TimeKind,
} from '../../spec/index.ts';
import {
  amount,
  count,
  displayText,
  fields,
  finite,
  list,
  moment,
  nullable,
  oneOf,
  optional,
  parseShape,
  record,
  type Shape,
  text,
  whole,
} from './shape.ts';

/**
 * Shapes of the reports that stages send to their campaign. They are at least as strict as the schemas in spec/,
 * because the command line reads the status of the campaign with those. Unknown fields are dropped: a stage may run
 * newer code than its campaign.
 */

/** Longest text in a status, in UTF-16 code units. A query returns the texts of all stages. *Ours*. */
export const STATUS_TEXT_LENGTH = 1_000;

const KINDS: Readonly<Record<StageKind, true>> = {
  prepare: true,
  pretrain: true,
  search: true,
  linearise: true,
  rewrite: true,
  sft: true,
  curriculum: true,
  rl: true,
  evaluate: true,
  analyse: true,
};
export const stageKind: Shape<StageKind> = oneOf(KINDS);

const STATES: Readonly<Record<StageState, true>> = {
  pending: true,
  blocked: true,
  starting: true,
  running: true,
  'backing-off': true,
  pausing: true,
  paused: true,
  held: true,
  completed: true,
  reused: true,
  failed: true,
  cancelled: true,
};

/** `<arm>/<kind>`, or a kind with its subject, such as `evaluate-base`. */
export const stageName: Shape<string> = text(200, /^[a-z0-9-]+(\/[a-z0-9-]+)?$/, 'the name of a stage');
export const armName: Shape<string> = text(48, /^[a-z0-9-]+$/, 'the name of an arm');
const sha256: Shape<string> = text(64, /^[0-9a-f]{64}$/, '64 hexadecimal digits');
const failureClass: Shape<FailureClass> = oneOf(FAILURES);
const shown = displayText(STATUS_TEXT_LENGTH);

export const manifestRef: Shape<ManifestRef> = fields(
  { kind: stageKind, key: sha256, digest: sha256, checksum: optional(sha256, undefined) },
  'dropped',
);

export const progress: Shape<Progress> = fields(
  {
    attempt: count(),
    unit: displayText(100),
    done: amount,
    total: nullable(amount),
    rate: nullable(amount),
    metrics: optional(record(text(100), finite, 100), {}),
    from: optional(amount, 0),
    beganAt: optional(nullable(moment), null),
    savingSeconds: optional(amount, 0),
    updatedAt: moment,
  },
  'dropped',
);

const incident: Shape<Incident> = fields(
  {
    class: failureClass,
    message: shown,
    attempt: count(),
    exitCode: optional(nullable(whole), null),
    part: optional(nullable(count()), null),
    node: optional(nullable(displayText(253)), null),
    at: moment,
    followed: shown,
    costSeconds: amount,
    lostUnits: amount,
  },
  'dropped',
);

const timeKinds = Object.keys(NEW_ACCOUNT.seconds) as TimeKind[];
const lossCause: Shape<LossCause> = oneOf({ ...FAILURES, Pause: true, NoWorker: true });

const account: Shape<Account> = fields<Account>(
  {
    seconds: fields<Account['seconds']>(
      Object.fromEntries(timeKinds.map((kind) => [kind, optional(amount, 0)])) as {
        readonly [K in TimeKind]: Shape<number>;
      },
      'dropped',
    ),
    causes: record(lossCause, fields({ times: count(), seconds: amount }, 'dropped'), 100) as Shape<Account['causes']>,
  },
  'dropped',
);

const ignored: Shape<IgnoredMessages> = fields(
  { times: count(1), last: fields({ message: shown, why: shown, at: moment }, 'dropped') },
  'dropped',
);

export const stageStatus: Shape<StageStatus> = fields<StageStatus>(
  {
    name: stageName,
    kind: stageKind,
    arm: nullable(armName),
    key: nullable(sha256),
    state: oneOf(STATES),
    why: nullable(shown),
    attempt: nullable(count()),
    executions: count(),
    failures: count(),
    incidents: list(incident, HISTORY_LENGTH),
    progress: nullable(progress),
    startedAt: nullable(moment),
    finishedAt: nullable(moment),
    account,
    accountedUntil: nullable(moment),
    gpuHours: amount,
    result: nullable(manifestRef),
    ignored: optional(ignored, undefined),
  },
  'dropped',
);

/**
 * Parses the return value of a stage's workflow: the final status of that stage, with a result of its kind.
 * @throws Error for any other value. It comes from a programming error or a forgery. It fails the workflow task and
 *   never ends the stage
 */
export function finishedStage({ name, kind }: StageSlot, returned: unknown): StageStatus & { result: ManifestRef } {
  const status = parseShape(stageStatus, returned, `what the workflow of ${name} returned`);
  const { state, result } = status;
  if (
    status.name !== name ||
    status.kind !== kind ||
    result?.kind !== kind ||
    !(state === 'completed' || state === 'reused')
  ) {
    throw new Error(`the workflow of ${name} returned a status of ${status.name} that is ${state}, without its result`);
  }
  return { ...status, result };
}
