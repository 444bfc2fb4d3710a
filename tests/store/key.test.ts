import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { StageFile } from '../../spec/index.ts';
import { canonicalJson, outputDigest, stageKey } from '../../store/index.ts';
import { aStage } from './support.ts';

const B = 'b'.repeat(64);

describe('canonical JSON', () => {
  it('does not depend on the order of keys, and parses back to the same value', () => {
    const shuffled = (value: unknown): unknown =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .toReversed()
              .map(([name, member]) => [name, shuffled(member)]),
          )
        : value;
    const object = fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      fc.jsonValue({ noUnicodeString: false }),
    );
    fc.assert(
      fc.property(object, (value) => {
        expect(canonicalJson(shuffled(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('follows RFC 8785', () => {
    expect(canonicalJson({ b: [1, 0.5, 1e21, -0], a: 'ä\n', '\u20ac': null, A: { y: true, x: undefined } })).toBe(
      '{"A":{"y":true},"a":"ä\\n","b":[1,0.5,1e+21,0],"€":null}',
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1n, undefined, [undefined], () => 1])('refuses %s', (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError);
  });
});

describe('the key of a stage', () => {
  const key = (changes: object = {}) => stageKey({ ...aStage(), ...changes } as StageFile);
  const config = (changes: object) => ({ config: { ...aStage().config, ...changes } });
  const run = (changes: object) => config({ run: { ...aStage().config.run, ...changes } });

  it.each([
    { name: 'its name in the campaign', changes: { name: 'other' } },
    { name: 'the key of an input', changes: { inputs: { prompts: { ...aStage().inputs.prompts, key: B } } } },
    { name: 'how many CPUs it has', changes: run({ resources: { cpus: 64, gpus: 0 } }) },
    { name: 'how many pods run at a time', changes: run({ parallelism: 1 }) },
    { name: 'its placement on Kubernetes', changes: run({ kubernetes: { queue: 'research', shmGiB: 64 } }) },
    { name: 'an image with a tag', changes: run({ image: 'registry.example/orrery:1' }) },
    { name: 'its budgets and time limits', changes: run({ failures: { Crashed: { budget: 9 } }, graceSeconds: 1 }) },
  ])('does not depend on $name', ({ changes }) => expect(key(changes)).toBe(key()));

  it.each([
    { name: 'its kind', changes: { kind: 'evaluate' } },
    { name: 'its settings', changes: config({ rollouts: 3 }) },
    { name: 'its shards', changes: run({ shards: 3 }) },
    { name: 'its ranks', changes: run({ ranks: 3 }) },
    { name: 'the engine of its policy server', changes: run({ policyServer: { engine: 'vllm' } }) },
    { name: 'an image with a digest', changes: run({ image: `registry.example/orrery@sha256:${B}` }) },
    { name: 'whether it has a GPU', changes: run({ resources: { cpus: 1, gpus: 1 } }) },
    { name: 'its domain', changes: { domain: { name: 'math', settings: {} } } },
    { name: 'the settings of its domain', changes: { domain: { name: 'countdown', settings: { max: 9 } } } },
    { name: 'its policy', changes: { policy: { type: 'pretrain', name: 'small' } } },
    { name: 'the digest of an input', changes: { inputs: { prompts: { ...aStage().inputs.prompts, digest: B } } } },
    { name: 'the role of an input', changes: { inputs: { problems: aStage().inputs.prompts } } },
    { name: 'its code', changes: { codeVersion: 'v2' } },
    { name: 'the seed', changes: { seed: 8 } },
    { name: 'its data', changes: { data: { type: 'generated' } } },
    { name: 'the content of its problem files', changes: { dataFiles: { 'a.jsonl': B } } },
    { name: 'the order of its arms', changes: { arms: ['astro', 'direct'] } },
  ])('depends on $name', ({ changes }) => expect(key(changes)).not.toBe(key()));
});

test('the key of a stage with GPUs does not depend on their number', () => {
  const on = (gpus: number) => stageKey(aStage({ config: { run: { shards: 2, resources: { cpus: 1, gpus } } } }));
  expect(on(8)).toBe(on(1));
});

describe('the digest of outputs', () => {
  const files = [
    { path: 'data/model.safetensors', sha256: B, bytes: 3 },
    { path: 'data/metrics.jsonl', sha256: B, bytes: 4 },
  ];

  it('does not depend on the order of files', () => {
    expect(outputDigest('search', files.toReversed(), { a: 1 })).toBe(outputDigest('search', files, { a: 1 }));
  });

  it('excludes the metrics of trainers, which contain times, but of no other kind', () => {
    const later = files.map((file) => (file.path.endsWith('metrics.jsonl') ? { ...file, bytes: 5 } : file));
    expect(outputDigest('sft', later, {})).toBe(outputDigest('sft', files, {}));
    expect(outputDigest('search', later, {})).not.toBe(outputDigest('search', files, {}));
  });

  it('depends on counts', () => {
    expect(outputDigest('search', files, { a: 1 })).not.toBe(outputDigest('search', files, { a: 2 }));
  });
});
