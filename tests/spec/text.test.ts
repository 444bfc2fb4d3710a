import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundedText, jsonBytes, summaryText, visibleText } from '../../spec/index.ts';

test('a bounded text is well-formed and no longer than its limit', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
      fc.integer({ min: 3, max: 20 }),
      (text, length) => {
        const bounded = boundedText(text, length);
        expect(bounded.length).toBeLessThanOrEqual(length);
        expect(bounded.isWellFormed()).toBe(true);
        if (text.isWellFormed() && text.length <= length) expect(bounded).toBe(text);
      },
    ),
  );
});

test('a cut never splits a surrogate pair', () => {
  expect(boundedText('12😀4567', 6)).toBe('12...');
  expect(boundedText('12😀4567', 7)).toBe('12😀...');
});

test('control characters become visible escapes', () => {
  expect(visibleText('a\u001b[31m\nb\u202e')).toBe('a\\u001b[31m\\u000ab\\u202e');
});

test('Temporal accepts every summary, whatever its text', () => {
  expect(summaryText('search: again after a crash')).toBe('search: again after a crash');
  for (const unit of ['x', '"', '\u0001', 'é', '漢', '😀', '\ud800']) {
    const summary = summaryText(unit.repeat(5_000));
    expect(summary.isWellFormed()).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(summary))).toBe(jsonBytes(summary));
    expect(jsonBytes(summary)).toBeLessThanOrEqual(340);
    expect(jsonBytes(summary)).toBeGreaterThan(200);
  }
});
