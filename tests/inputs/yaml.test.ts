import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { readBounded, readYaml } from '../../inputs/index.ts';

const complaintsAbout = (content: Uint8Array | string): string[] => {
  const yaml = readYaml(content);
  return yaml.kind === 'read' ? [] : yaml.complaints.map(({ line, message }) => `${line}: ${message}`);
};
const valueIn = (content: Uint8Array | string): unknown => {
  const yaml = readYaml(content);
  return yaml.kind === 'read' ? yaml.value : yaml.complaints;
};
/** Nine lists, each with nine aliases of the previous one. */
const BOMB = `a0: &a0 [x]\n${Array.from({ length: 9 }, (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(', ')}]`).join('\n')}\n`;

describe('a valid text', () => {
  test('may be YAML or JSON, with aliases, a byte order mark or Windows line ends', () => {
    expect(valueIn('a: &x { b: 1 }\nc: *x\n')).toEqual({ a: { b: 1 }, c: { b: 1 } });
    expect(valueIn('{"a": [1, "é😀"]}')).toEqual({ a: [1, 'é😀'] });
    expect(valueIn('\ufeffa: 1\r\nb: 2\r\n')).toEqual({ a: 1, b: 2 });
    expect(valueIn('---\na: 1\n...\n')).toEqual({ a: 1 });
  });

  test('gives the line of a field, or of the parent of a missing field', () => {
    const yaml = readYaml('a:\n  b:\n    - 1\n    - c: 2\n');
    if (yaml.kind !== 'read') throw new Error('it was refused');
    expect(['', 'a', 'a.b', 'a.b.1.c', 'a.b.1.d', 'x'].map(yaml.lineOf)).toEqual([1, 1, 2, 4, 4, 1]);
  });

  test('may repeat an alias many times; the size of the value is checked later', () => {
    expect(complaintsAbout(BOMB)).toEqual([]);
  });
});

describe('an invalid text is refused with the line of the fault', () => {
  test.each([
    { what: 'an alias of nothing', text: 'a: 1\nb: *x\n', want: ['2: expected an anchor &x before this alias'] },
    {
      what: 'an alias within what it names',
      text: 'a: 1\nb: &x\n  - *x\n',
      want: ['3: expected a value, but the alias *x is within its own anchor'],
    },
    {
      what: 'an alias before its anchor',
      text: 'a: *x\nb: &x 1\n',
      want: ['1: expected an anchor &x before this alias'],
    },
    {
      what: 'a field twice',
      text: 'a: 1\nb: 2\na: 3\n',
      want: ['3: expected the field a only once, but it is repeated here'],
    },
    {
      what: 'several documents',
      text: 'a: 1\n---\nb: 2\n',
      want: ['2: expected one document, but another begins here (---)'],
    },
    { what: 'an empty file', text: '', want: ['1: expected fields, but the file is empty'] },
    { what: 'comments alone', text: '# nothing\n', want: ['1: expected fields, but the file is empty'] },
    {
      what: 'NUL',
      text: 'a: 1\nb: "x\0y"\n',
      want: [expect.stringMatching(/^2: expected YAML or JSON as UTF-8 text, but got a character U\+0000/)],
    },
    { what: 'a field whose name is a list', text: 'a: 1\n? [x]\n: 2\n', want: [expect.stringMatching(/^2: /)] },
    {
      what: 'a tag that nobody knows',
      text: 'a: !!python/object x\n',
      want: [expect.stringMatching(/^1: Unresolved tag/)],
    },
    {
      what: '2,000 aliases',
      text: `a: &x 1\nb: [${Array(2000).fill('*x').join(', ')}]\n`,
      want: ['2: expected at most 1000 aliases'],
    },
    { what: 'a bracket that nobody closes', text: 'a: [1,\n', want: [expect.stringMatching(/^[12]: /)] },
  ])('$what', ({ text, want }) => {
    expect(complaintsAbout(text)).toEqual(want);
  });

  test.each([
    { what: '[', text: '['.repeat(100_000) },
    { what: '{a:', text: '{a: '.repeat(50_000) },
    { what: '- ', text: '- '.repeat(50_000) },
    { what: '? ', text: '? '.repeat(50_000) },
    { what: 'an indentation a line', text: Array.from({ length: 800 }, (_, at) => `${' '.repeat(at)}a:`).join('\n') },
  ])('nesting without limit: $what', ({ text }) => {
    expect(complaintsAbout(text)[0]).toMatch(/: expected lists and mappings at most 64 deep/);
  });

  test('more bytes than a campaign may have', () => {
    expect(complaintsAbout('a'.repeat(600_000))).toEqual(['1: expected at most 524288 bytes, but the file has more']);
  });

  test('a file of another kind', () => {
    expect(complaintsAbout(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]))[0]).toMatch(
      /^1: expected YAML or JSON as UTF-8 text/,
    );
    expect(complaintsAbout(Buffer.from('a: 1\n', 'utf16le'))[0]).toMatch(/^1: expected YAML or JSON as UTF-8 text/);
  });
});

test('an endless file and a pipe are read up to the limit', () => {
  expect(complaintsAbout(readBounded('/dev/zero'))).toEqual([
    '1: expected at most 524288 bytes, but the file has more',
  ]);
  const program = `import { readBounded } from './inputs/index.ts'; process.stdout.write(readBounded('/dev/stdin'))`;
  const said = execFileSync('sh', ['-c', 'echo "a: 1" | "$0" --input-type=module -e "$1"', process.execPath, program]);
  expect(valueIn(said)).toEqual({ a: 1 });
});
