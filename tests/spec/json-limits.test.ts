import { describe, expect, test } from 'vitest';
import { jsonFault } from '../../spec/index.ts';

const LIMITS = { bytes: 1000, depth: 8 };
const nested = (depth: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = { a: [value] };
  return value;
};
const itself: unknown[] = [];
itself.push(itself);
/** Nine nested lists, each of which contains the previous one nine times. */
const bomb = () => Array.from({ length: 9 }).reduce<unknown>((inner) => Array.from({ length: 9 }, () => inner), 'x');

describe('a value from outside', () => {
  test.each([1, 'text', null, true, [], {}, { a: [1, { b: 'é😀' }] }, nested(4)])('passes as JSON: %j', (value) => {
    expect(jsonFault(value, LIMITS)).toBeNull();
  });

  test.each([
    { name: 'nested 100,000 deep', value: nested(50_000), field: 'a.0.a.0.a.0.a.0', message: /at most 8 deep/ },
    { name: 'that contains itself', value: itself, field: '0.0.0.0.0.0.0.0', message: /contains itself/ },
    { name: 'that repeats itself', value: bomb(), field: '', message: /at most 1000 bytes/, depth: 20 },
    { name: 'with a long text', value: { a: 'x'.repeat(1000) }, field: '', message: /at most 1000 bytes/ },
    {
      name: 'with many fields',
      value: Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 1])),
      field: '',
      message: /at most 1000 bytes/,
    },
    { name: 'with half a surrogate pair', value: { a: ['\ud800'] }, field: 'a.0', message: /half a surrogate pair/ },
    { name: 'with a key that is no text', value: { a: { '\udc00': 1 } }, field: 'a', message: /half a surrogate pair/ },
    { name: 'with a date', value: { a: new Date(0) }, field: 'a', message: /as in JSON/ },
    { name: 'with bytes', value: { a: new Uint8Array(2) }, field: 'a', message: /as in JSON/ },
    { name: 'with a bigint', value: [1n], field: '0', message: /as in JSON/ },
    {
      name: 'that sets a prototype',
      value: JSON.parse('{"__proto__":{}}') as unknown,
      field: '',
      message: /__proto__/,
    },
  ])('is refused, and the place is named: $name', ({ value, field, message, depth = LIMITS.depth }) => {
    const fault = jsonFault(value, { ...LIMITS, depth });
    expect(fault?.message).toMatch(message);
    expect(fault?.field).toBe(field);
  });

  test('is counted as JSON in UTF-8', () => {
    const value = { 'a"': [1.5, true, null, 'é', '語', '😀', '\\', {}, []], b: -0.25 };
    const bytes = Buffer.byteLength(JSON.stringify(value));
    expect(jsonFault(value, { bytes: bytes - 2, depth: 8 })).not.toBeNull();
    expect(jsonFault(value, { bytes: bytes + 4, depth: 8 })).toBeNull();
  });
});
