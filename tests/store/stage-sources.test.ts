import { expect, it } from 'vitest';
import { PROJECT } from '../../config/paths.ts';
import { programsOf } from '../../executor/index.ts';
import { StageKind } from '../../spec/index.ts';
import { sourcesOfStage } from '../../store/code-version.ts';

/** The report shows the rules of the data card and the window of the curriculum. */
const OF_OTHERS: { readonly [K in StageKind]?: readonly string[] } = {
  analyse: ['spec/stages/curriculum.ts', 'spec/stages/prepare.ts'],
};

/** Names of the sources of all programs of a stage. */
function namesOf(kind: StageKind, domain = 'math'): string[] {
  const run = { policyServer: { engine: 'embedded', args: [] }, resources: { gpus: 0 } };
  const stage = { kind, config: { run }, inputs: {}, policy: { type: 'pretrain' } } as unknown;
  const programs = programsOf(stage as Parameters<typeof programsOf>[0]);
  const { main, policyServer } = sourcesOfStage(programs, { kind, projectRoot: PROJECT, domain });
  return [...new Set([...Object.keys(main), ...Object.keys(policyServer ?? {})])].toSorted();
}

it.each(StageKind.options)('a new setting of another kind does not change the key of %s', (kind) => {
  const settings = namesOf(kind).filter((name) => /^spec\/(?:stages|schemas)\//.test(name));
  const own = [`spec/stages/${kind}.ts`, `spec/schemas/stage-file-${kind}.json`];
  const shared = ['spec/stages/kinds.ts', 'spec/stages/shared.ts', ...(OF_OTHERS[kind] ?? [])];
  expect(settings.filter((name) => !own.includes(name) && !shared.includes(name))).toEqual([]);
  expect(settings.some((name) => own.includes(name))).toBe(true);
});

it.each(StageKind.options)('%s loads no file that loads whole folders or the settings of all kinds', (kind) => {
  const wide = ['spec/index.ts', 'spec/campaign.ts', 'spec/stage-file.ts', 'spec/stages/index.ts', 'store/index.ts'];
  expect(namesOf(kind).filter((name) => wide.includes(name))).toEqual([]);
});

it.each(StageKind.options)('%s loads the program of no other kind', (kind) => {
  const programs = namesOf(kind).filter((name) =>
    /^stages\/\w+\/program\.ts$|^trainers\/.*\/(?:pretrain|sft|rl)\.py$/.test(name),
  );
  expect(programs.map((name) => /(\w+)(?:\/program\.ts|\.py)$/.exec(name)![1])).toEqual([kind]);
});

it('a domain counts for whoever loads it, and no other does', () => {
  const domains = (kind: StageKind, domain: string) =>
    [...new Set(namesOf(kind, domain).map((name) => /^domains\/(\w+)\//.exec(name)?.[1]))].filter(Boolean);
  for (const domain of ['change', 'countdown', 'math']) {
    for (const kind of StageKind.options) expect(domains(kind, domain)).toEqual(kind === 'sft' ? [] : [domain]);
  }
});
