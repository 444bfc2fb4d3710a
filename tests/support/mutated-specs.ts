import fc from 'fast-check';

/**
 * Specs made from valid ones by changing some of their values: to others of the same kind that may be valid too, and to
 * hostile ones of any kind. Equal seeds give equal specs.
 */

type Path = readonly (string | number)[];
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const KEYS = [
  'toString',
  '__proto__',
  'constructor',
  'a b',
  'é',
  '\u001b[2J',
  '',
  'x'.repeat(2000),
  'name',
  '0',
  'a.b',
];
const TEXTS = [
  ...[
    '',
    ' ',
    'a',
    'A-b',
    '--port',
    '-',
    '.',
    '..',
    '/',
    '../..',
    'a b; rm -rf /',
    '$(id)',
    '`id`',
    '%s%n',
    "'",
    '"',
    '\\',
    '\0',
  ],
  ...[
    '\n',
    'a\nb',
    'é',
    '😀',
    '\ud800',
    '\u202e',
    '\ufeff',
    'file://host/x',
    'https://a:b@c/d',
    'null',
    'true',
    '1e999',
    'x/y',
    'x:y@z',
  ],
  ...[
    'x'.repeat(49),
    'x'.repeat(64),
    'x'.repeat(254),
    '😀'.repeat(100),
    'a-'.repeat(5000),
    `${'a.'.repeat(5000)}!`,
    `${'a'.repeat(50_000)}!`,
    'A'.repeat(50_000),
  ],
  ...[
    'nvidia.com/gpu',
    'kubernetes.io/x',
    'registry.example:5000/a/b:v1',
    'data/README.md',
    'vllm',
    'embedded',
    'best-of-n',
    'mcts',
    'stop',
    'generated',
    'files',
    'pretrain',
    'pretrained',
    'math',
    'change',
    'countdown',
  ],
];
const NUMBERS = [
  ...[
    0,
    -0,
    1,
    2,
    3,
    4,
    5,
    7,
    8,
    16,
    64,
    128,
    255,
    1000,
    1024,
    10_000,
    65_536,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32,
    2 ** 53 - 1,
    2 ** 53,
    1e21,
    1e308,
  ],
  ...[
    -1,
    0.5,
    0.01,
    0.001,
    1e-9,
    5e-324,
    0.1,
    0.75,
    0.99,
    0.9999999999999999,
    1.5,
    3600,
    86_400,
    604_800,
    Number.NaN,
    Infinity,
    -Infinity,
  ],
];
const deep = (depth: number): Json => {
  let value: Json = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};
const OTHERS: readonly Json[] = [
  null,
  true,
  false,
  [],
  {},
  [[]],
  [null],
  { a: 1 },
  deep(10),
  deep(9_900),
  Array(300).fill({ name: 'a' }),
];

const hostile = fc.oneof(
  fc.constantFrom<Json>(...TEXTS),
  fc.constantFrom<Json>(...NUMBERS),
  fc.constantFrom<Json>(...OTHERS),
);

/** A value of the same kind: often as valid as the one before. */
function alike(value: Json): fc.Arbitrary<Json> {
  if (typeof value === 'number') {
    const factors = fc.constantFrom(0.1, 0.5, 1, 2, 3, 10, 100).map((factor) => value * factor);
    return fc.oneof(
      factors.map((one) => (Number.isInteger(value) ? Math.round(one) : one)),
      fc.integer({ min: 0, max: 100 }),
      fc.constantFrom(...NUMBERS),
    );
  }
  if (typeof value === 'boolean') return fc.boolean();
  if (typeof value === 'string') return fc.constantFrom(...TEXTS, `${value}x`, value.slice(1));
  return hostile;
}

/** Every place of a value, containers too. */
function placesOf(value: Json, path: Path = []): Path[] {
  const inner = typeof value === 'object' && value !== null && path.length < 12 ? Object.entries(value) : [];
  return [
    path,
    ...inner.flatMap(([key, child]) => placesOf(child, [...path, Array.isArray(value) ? Number(key) : key])),
  ];
}

const at = (value: Json, path: Path): Json =>
  path.reduce<Json>((inner, key) => (inner as Record<string | number, Json>)[key] as Json, value);

/** A copy with a change at one place; what lies elsewhere is shared. */
function changed(
  value: Json,
  [key, ...rest]: Path,
  change: (holder: Record<string | number, Json>, key: string | number) => void,
): Json {
  if (key === undefined) return value;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, Json>;
  if (rest.length === 0) change(copy, key);
  else copy[key] = changed(copy[key] as Json, rest, change);
  return copy as Json;
}

/** `whole`: a valid spec with every default filled in, so that every field of it is there to be changed. */
export function mutated(whole: readonly Json[]): fc.Arbitrary<unknown> {
  const step = (spec: Json): fc.Arbitrary<Json> =>
    fc.constantFrom(...placesOf(spec).slice(1)).chain((path) =>
      fc.oneof(
        {
          weight: 6,
          arbitrary: alike(at(spec, path)).map((next) =>
            changed(spec, path, (holder, key) => {
              holder[key] = next;
            }),
          ),
        },
        {
          weight: 2,
          arbitrary: hostile.map((next) =>
            changed(spec, path, (holder, key) => {
              holder[key] = next;
            }),
          ),
        },
        {
          weight: 1,
          arbitrary: fc.constant(
            changed(spec, path, (holder, key) => {
              delete holder[key];
            }),
          ),
        },
        {
          weight: 1,
          arbitrary: fc.tuple(fc.constantFrom(...KEYS), hostile).map(([name, next]) =>
            changed(spec, path, (holder) => {
              Object.defineProperty(holder, Array.isArray(holder) ? holder.length : name, {
                value: next,
                enumerable: true,
                configurable: true,
                writable: true,
              });
            }),
          ),
        },
      ),
    );
  return fc
    .tuple(fc.constantFrom(...whole), fc.integer({ min: 1, max: 3 }))
    .chain(([spec, times]) =>
      Array.from({ length: times }).reduce<fc.Arbitrary<Json>>((before) => before.chain(step), fc.constant(spec)),
    );
}
