import type { Rule } from './fields.ts';
import type { LineariseConfig, SearchConfig } from './stages/index.ts';

/**
 * The fields of a campaign that the rules read. The type of the campaign itself is built from these rules, so it cannot
 * be used here.
 */
interface Campaign {
  readonly arms: readonly {
    readonly searchTraces?: number | undefined;
    readonly wrongBranches?: { readonly min: number } | undefined;
    readonly merge?: boolean | undefined;
  }[];
  readonly stages: { readonly search: SearchConfig; readonly linearise: LineariseConfig };
  readonly data:
    | { readonly type: 'generated' }
    | { readonly type: 'files'; readonly curriculum: readonly unknown[]; readonly heldBack: number };
}

/**
 * The minimum number of different terminals in a tree from which every arm can be taught: a right one, and the wrong
 * branches before it.
 */
function minTerminals({ arms, stages: { linearise } }: Campaign): number {
  const wanted = arms
    .filter(({ searchTraces }) => (searchTraces ?? linearise.searchTraces) > 0)
    .map(({ wrongBranches }) => (wrongBranches ?? linearise.wrongBranches).min);
  return wanted.length === 0 ? 1 : 1 + Math.max(...wanted);
}

/**
 * Rules over several stages. They refuse settings that leave an arm without training data, and settings that have no
 * effect.
 */
export const CAMPAIGN_RULES: readonly Rule<Campaign>[] = [
  {
    path: ['stages', 'search', 'samples'],
    expected:
      'more solutions per problem: an arm needs a right one and its wrong branches (wrongBranches.min + 1), unless every arm has searchTraces: 0',
    holds: (campaign) => (campaign.stages.search.samples ?? Number.POSITIVE_INFINITY) >= minTerminals(campaign),
  },
  {
    path: ['stages', 'search', 'candidates'],
    expected:
      'at least 2: with one candidate a tree is a single path, without the wrong branches that an arm needs (unless every arm has searchTraces: 0)',
    holds: (campaign) =>
      !isTreeSearch(campaign) || campaign.stages.search.candidates > 1 || minTerminals(campaign) === 1,
  },
  {
    path: ['stages', 'search', 'iterations'],
    expected:
      'more: iterations x candidates must be at least wrongBranches.min + 1, for a right solution and the wrong branches that an arm needs',
    holds: (campaign) =>
      !isTreeSearch(campaign) ||
      campaign.stages.search.iterations * campaign.stages.search.candidates >= minTerminals(campaign),
  },
  {
    path: ['stages', 'search', 'temperature'],
    expected:
      'a temperature above 0: at 0 all samples are equal, and no tree has the wrong branches that an arm needs (unless every arm has searchTraces: 0)',
    holds: (campaign) => campaign.stages.search.temperature > 0 || minTerminals(campaign) === 1,
  },
  {
    path: ['arms'],
    expected: 'an arm without search traces (searchTraces: 0) to set no wrongBranches and no merge',
    holds: ({ arms, stages: { linearise } }) =>
      arms.every(
        ({ searchTraces, wrongBranches, merge }) =>
          (searchTraces ?? linearise.searchTraces) > 0 || (wrongBranches === undefined && merge === undefined),
      ),
  },
  {
    path: ['data', 'heldBack'],
    expected: '0 when the curriculum has its own sets: it uses those, and ignores problems that are held back',
    holds: ({ data }) => data.type === 'generated' || data.curriculum.length === 0 || data.heldBack === 0,
  },
];

const isTreeSearch = ({ stages: { search } }: Campaign): boolean => search.method === 'mcts';
