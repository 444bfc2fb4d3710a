import type { Random } from './random.ts';

/** A payload as Temporal keeps it: metadata and bytes, whatever they mean. */
export interface RawPayload {
  readonly metadata: Readonly<Record<string, Uint8Array>>;
  readonly data: Uint8Array;
}

/** A message that no client of orrery sends. */
export interface HostileMessage {
  readonly name: string;
  readonly payloads: readonly RawPayload[];
  /** In words, what is wrong with it. */
  readonly what: string;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const encoded = (encoding: string, data: Uint8Array): RawPayload => ({
  metadata: { encoding: bytes(encoding) },
  data,
});
const json = (value: unknown): RawPayload => encoded('json/plain', bytes(JSON.stringify(value)));

/** Signals that campaigns and stages take, and one that nobody takes. */
const SIGNALS = {
  campaign: ['pause', 'resume', 'retryStage', 'approve', 'stageChanged', 'stageProgress', 'no-such-signal'],
  stage: ['setPaused', 'retry', 'no-such-signal'],
} as const;

/** Arguments that no signal can follow. `pause`, `resume` and `retry` take nothing, so nothing is not among them. */
const ARGUMENTS: readonly (readonly [what: string, payloads: readonly RawPayload[]])[] = [
  ['a text', [json('garbage')]],
  ['a list', [json([1, [2, [3]]])]],
  ['unknown fields', [json({ campaignRun: 'forged', status: null, stage: 'rl', Arm: 'astro', surprise: 1 })]],
  ['a forged stage', [json({ campaignRun: 'forged', status: { name: 'prepare', state: 'completed', result: {} } })]],
  ['an encoding that nobody knows', [encoded('foo/bar', bytes('{}'))]],
  ['JSON that is cut', [encoded('json/plain', bytes('{"arm":'))]],
  ['half a surrogate pair', [encoded('json/plain', bytes('{"arm":"\\ud800"}'))]],
  ['bytes that are no UTF-8', [encoded('json/plain', Uint8Array.of(0x22, 0xff, 0xfe, 0x22))]],
  ['1 MiB', [json({ arm: 'x'.repeat(1 << 20) })]],
  ['10,000 lists within each other', [encoded('json/plain', bytes('['.repeat(10_000) + ']'.repeat(10_000)))]],
];

/** Draws a message for a workflow of one of the two types. */
export function drawMessage(random: Random, type: keyof typeof SIGNALS): HostileMessage {
  const [what, payloads] = random.pick(ARGUMENTS);
  return { name: random.pick(SIGNALS[type]), payloads, what };
}

/** Inputs that no workflow of orrery can run. */
export const HOSTILE_INPUTS: readonly (readonly [what: string, payloads: readonly RawPayload[]])[] = [
  ['nothing', []],
  ['null', [json(null)]],
  ['an empty mapping', [json({})]],
  ['state that no run handed over', [json({}), json({ stages: 5 })]],
  ['an encoding that nobody knows', [encoded('foo/bar', bytes('{}'))]],
  ['20,000 unknown fields', [json(Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`f${index}`, 1])))]],
];
