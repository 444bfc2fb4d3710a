import type { temporal } from '@temporalio/proto';

/** A payload on the wire. */
export type Payload = temporal.api.common.v1.IPayload;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const encoded = (encoding: string, data: string): Payload => ({
  metadata: { encoding: bytes(encoding) },
  data: bytes(data),
});
export const json = (text: string): Payload => encoded('json/plain', text);
export const jsonOf = (value: unknown): Payload => json(JSON.stringify(value));

/** A payload that refers to an external storage. */
const reference = (data: string): Payload => ({
  metadata: { encoding: bytes('json/protobuf'), messageType: bytes('temporal.api.sdk.v1.ExternalStorageReference') },
  data: bytes(data),
});

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

/**
 * Payloads that anyone may send, by their fault.
 * @param valid - a valid argument of the message; undefined if it takes none
 */
export function hostilePayloads(valid: unknown): Readonly<Record<string, readonly Payload[]>> {
  const mapping = typeof valid === 'object' && valid !== null ? (valid as Record<string, unknown>) : {};
  const [, ...kept] = Object.entries(mapping);
  return {
    none: [],
    null: [json('null')],
    '{}': [json('{}')],
    text: [jsonOf('garbage')],
    number: [json('5')],
    flag: [json('true')],
    list: [json('[]')],
    'extra field': [jsonOf({ ...mapping, extra: 1 })],
    'missing field': [jsonOf({ ...Object.fromEntries(kept), other: 1 })],
    'fields null': [jsonOf(Object.fromEntries(Object.keys({ ...mapping, x: 1 }).map((name) => [name, null])))],
    'prototype field': [json('{"__proto__":{"arm":"astro","stage":"search"}}')],
    '1e999': [json('1e999')],
    '1 MiB': [jsonOf('x'.repeat(1024 * 1024))],
    '10,000 deep': [json(deep(10_000))],
    '10,000 deep inside': [json(`{"status":${deep(10_000)},"arm":${deep(10_000)},"stage":${deep(10_000)}}`)],
    'unknown encoding': [encoded('foo/bar', '{}')],
    'no encoding': [{ data: bytes('{}') }],
    'bad JSON': [json('{"arm":')],
    'no data': [{ metadata: { encoding: bytes('json/plain') } }],
    bytes: [encoded('binary/plain', '\u0000\u0001')],
    protobuf: [encoded('json/protobuf', '{}')],
    reference: [reference('{"driverName":"somewhere","claimData":{"key":"value"}}')],
    'empty reference': [reference('{}')],
    'bad reference': [reference('{"driverName":')],
    'two payloads': [
      valid === undefined ? json('{}') : jsonOf(valid),
      valid === undefined ? json('{}') : jsonOf(valid),
    ],
    'lone surrogates': [json('{"arm":"\\ud800","stage":"\\udfff","\\ud800":1}')],
    'lone surrogate': [json('"\\ud800"')],
  };
}
