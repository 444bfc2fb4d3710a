import type { Random } from './random.ts';

/** A payload in Temporal's raw form: metadata and bytes. */
export interface RawPayload {
  readonly metadata: Readonly<Record<string, Uint8Array>>;
  readonly data: Uint8Array;
}

/** A message that no client of orrery sends. */
export interface HostileMessage {
  readonly name: string;
  readonly payloads: readonly RawPayload[];
  /** What is wrong with the message. For people. */
  readonly what: string;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const encoded = (encoding: string, data: Uint8Array): RawPayload => ({
  metadata: { encoding: bytes(encoding) },
  data,
});
const json = (value: unknown): RawPayload => encoded('json/plain', bytes(JSON.stringify(value)));

/** Signals that campaigns and stages handle, and one that has no handler. */
const SIGNALS = {
  campaign: ['pause', 'resume', 'retryStage', 'approve', 'stageChanged', 'stageProgress', 'no-such-signal'],
  stage: ['setPaused', 'retry', 'no-such-signal'],
} as const;

/**
 * Arguments that are invalid for every signal. The empty list is not among them: `pause`, `resume` and `retry` take no
 * arguments.
 */
const ARGUMENTS: readonly (readonly [what: string, payloads: readonly RawPayload[]])[] = [
  ['a text', [json('garbage')]],
  ['a list', [json([1, [2, [3]]])]],
  ['unknown fields', [json({ campaignRun: 'forged', status: null, stage: 'rl', Arm: 'astro', surprise: 1 })]],
  ['a forged stage', [json({ campaignRun: 'forged', status: { name: 'prepare', state: 'completed', result: {} } })]],
  ['an unknown encoding', [encoded('foo/bar', bytes('{}'))]],
  ['truncated JSON', [encoded('json/plain', bytes('{"arm":'))]],
  ['half a surrogate pair', [encoded('json/plain', bytes('{"arm":"\\ud800"}'))]],
  ['invalid UTF-8', [encoded('json/plain', Uint8Array.of(0x22, 0xff, 0xfe, 0x22))]],
  ['1 MiB', [json({ arm: 'x'.repeat(1 << 20) })]],
  ['10,000 nested lists', [encoded('json/plain', bytes('['.repeat(10_000) + ']'.repeat(10_000)))]],
];

/** Draws a message for a workflow of one of the two types. */
export function drawMessage(random: Random, type: keyof typeof SIGNALS): HostileMessage {
  const [what, payloads] = random.pick(ARGUMENTS);
  return { name: random.pick(SIGNALS[type]), payloads, what };
}

/** Inputs that are invalid for every workflow of orrery. */
export const HOSTILE_INPUTS: readonly (readonly [what: string, payloads: readonly RawPayload[]])[] = [
  ['nothing', []],
  ['null', [json(null)]],
  ['an empty mapping', [json({})]],
  ['state that no earlier run passed on', [json({}), json({ stages: 5 })]],
  ['an unknown encoding', [encoded('foo/bar', bytes('{}'))]],
  ['20,000 unknown fields', [json(Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`f${index}`, 1])))]],
];
