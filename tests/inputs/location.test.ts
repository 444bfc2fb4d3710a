import { describe, expect, test } from 'vitest';
import { locationOf, Policy, ProblemFile, parseOrRefuse, withoutCredentials } from '../../spec/index.ts';

const SHA256 = 'a'.repeat(64);
const refusalOf = (schema: Parameters<typeof parseOrRefuse>[0], value: unknown): string => {
  try {
    parseOrRefuse(schema, value, 'it');
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('a path in a campaign is', () => {
  test.each(['data/a.jsonl', '/a/part:1.jsonl', 'part:1', './a b', 'ä.jsonl'])('the path %s', (path) => {
    expect(locationOf(path)).toEqual({ kind: 'path', path });
  });

  test.each(['file:///a%20b', 'file://localhost/a%20b', 'FILE:///a%20b'])('the path of %s', (path) => {
    expect(locationOf(path)).toEqual({ kind: 'path', path: '/a b' });
  });

  test.each(['https://example.org/a.jsonl', 'http://127.0.0.1:8080/a', 'http://[::1]/a'])(
    'the address %s',
    (address) => {
      expect(locationOf(address)).toEqual({ kind: 'address', address });
    },
  );

  test.each([
    ...['file://host/a', 'file:a', 'file:///a?b', 'file:///a%2fb', 'file:///%00', 'a\0b', 'http://example.org/a'],
    ...['https:/a', 'https:a', 'https:///a', 'https://a b/', 'https://a\\@b/c', 'ftp://a/b', 's3://a/b', 'https://'],
  ])('refused: %j', (path) => expect(locationOf(path).kind).toBe('refused'));
});

describe('a credential in an address', () => {
  const ADDRESSES = [
    'https://user:geheim@example.org/a',
    'https://geheim@example.org/a',
    'https://example.org/a?X-Amz-Signature=geheim',
    'https://example.org/a?sig=geheim',
    'https://example.org/a#token=geheim',
    'https://user:ge/heim@example.org/a',
    'http://user:geheim@127.0.0.1/a',
    'file://user:geheim@host/a',
    'ftp://user:geheim@host/a',
    'https://user:"geheim@example.org/a',
  ];

  test.each(ADDRESSES)('is refused and not shown: %s', (path) => {
    const message = refusalOf(ProblemFile, { name: 'a', path, sha256: SHA256 });
    expect(message).toMatch(/path: expected/);
    expect(message).not.toContain('heim');
    expect(message).not.toContain('but got');
  });

  test('is refused, and the message says how to pass it', () => {
    expect(refusalOf(ProblemFile, { name: 'a', path: ADDRESSES[0], sha256: SHA256 })).toMatch(
      /ORRERY_DATA_HEADERS.*docs\/data\.md/,
    );
  });

  test.each(ADDRESSES)('is also refused in policy.uri, and not shown: %s', (uri) => {
    expect(refusalOf(Policy, { type: 'pretrained', name: 'a', revision: '1', uri })).not.toMatch(/accepted|heim/);
  });

  test.each(ADDRESSES)('is not shown by a complaint about a value that contains it: %s', (path) => {
    for (const value of [[path], { path }, { deep: [{ path }] }]) {
      expect(refusalOf(ProblemFile, { name: value, path: 'a' })).not.toContain('geheim');
    }
  });
});

test.each([
  ['https://u:p@h/a?b=c#d', 'https://***@h/a?***'],
  ['see https://h/a?b\nand more', 'see https://h/a?***'],
  ['a@b?c', 'a@b?c'],
])('%j is shown as %j', (text, shown) => expect(withoutCredentials(text)).toBe(shown));
