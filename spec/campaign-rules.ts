import type { RuleOf } from './fields.ts';
import type { LineariseConfig, SearchConfig } from './stages/index.ts';

/** What the rules look at of a campaign; a type of its own, since the campaign's is made with them. */
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

/** The fewest different ends that a tree needs, so that an arm has what it trains on: a right one, and the wrong branches before it. */
function fewestEnds({ arms, stages: { linearise } }: Campaign): number {
  const wanted = arms
    .filter(({ searchTraces }) => (searchTraces ?? linearise.searchTraces) > 0)
    .map(({ wrongBranches }) => (wrongBranches ?? linearise.wrongBranches).min);
  return wanted.length === 0 ? 1 : 1 + Math.max(...wanted);
}

/** Rules over several stages: what can be known to leave an arm without anything to train on, or to say nothing. */
export const CAMPAIGN_RULES: readonly RuleOf<Campaign>[] = [
  {
    path: ['stages', 'search', 'samples'],
    expected:
      'more solutions a problem: an arm wants a right one and its wrong branches (wrongBranches.min + 1), or searchTraces: 0 for every arm',
    holds: (campaign) => (campaign.stages.search.samples ?? Number.POSITIVE_INFINITY) >= fewestEnds(campaign),
  },
  {
    path: ['stages', 'search', 'candidates'],
    expected:
      'at least 2: with one candidate a tree is a single path, without the wrong branches that an arm wants (or searchTraces: 0 for every arm)',
    holds: (campaign) => !isTreeSearch(campaign) || campaign.stages.search.candidates > 1 || fewestEnds(campaign) === 1,
  },
  {
    path: ['stages', 'search', 'iterations'],
    expected:
      'more: iterations x candidates steps have to hold a right end and the wrong branches that an arm wants (wrongBranches.min + 1)',
    holds: (campaign) =>
      !isTreeSearch(campaign) ||
      campaign.stages.search.iterations * campaign.stages.search.candidates >= fewestEnds(campaign),
  },
  {
    path: ['stages', 'search', 'temperature'],
    expected:
      'a temperature above 0: at 0 all samples are equal, and no tree has the wrong branches that an arm wants (or searchTraces: 0 for every arm)',
    holds: (campaign) => campaign.stages.search.temperature > 0 || fewestEnds(campaign) === 1,
  },
  {
    path: ['arms'],
    expected: 'neither wrongBranches nor merge in an arm without search traces (searchTraces: 0)',
    holds: ({ arms, stages: { linearise } }) =>
      arms.every(
        ({ searchTraces, wrongBranches, merge }) =>
          (searchTraces ?? linearise.searchTraces) > 0 || (wrongBranches === undefined && merge === undefined),
      ),
  },
  {
    path: ['data', 'heldBack'],
    expected: '0 where the curriculum has sets of its own: it is offered those, and nothing that was held back',
    holds: ({ data }) => data.type === 'generated' || data.curriculum.length === 0 || data.heldBack === 0,
  },
];

const isTreeSearch = ({ stages: { search } }: Campaign): boolean => search.method === 'mcts';
