import type { Assumptions, CampaignSpec, StageSlot } from '../spec/index.ts';

/** Problems of a campaign's sets. */
export interface Counts {
  readonly search: number;
  readonly curriculum: number;
  readonly benchmark: number;
}

/**
 * How many problems there are, as far as the spec says; else as assumed.
 * @param counted - lines of the problem files, where they could be counted
 */
export function countsOf({ data }: CampaignSpec, assumed: Assumptions, counted: Partial<Counts> = {}): Counts {
  if (data.type === 'generated') {
    const { searchProblems, curriculumPrompts, benchmarkProblems } = data;
    return { search: searchProblems, curriculum: curriculumPrompts, benchmark: benchmarkProblems };
  }
  const search = counted.search ?? assumed.searchProblems;
  return {
    search,
    curriculum: counted.curriculum ?? search,
    benchmark: counted.benchmark ?? assumed.benchmarkProblems,
  };
}

/** What a stage has to get through, in tokens. */
export interface Work {
  readonly generated: number;
  readonly trained: number;
  /** Longest sequence that a policy server or a trainer has to hold, prompt included; 0 where there is neither. */
  readonly longest: number;
  /** Mean sequence, prompt included. */
  readonly mean: number;
}

const NO_WORK: Work = { generated: 0, trained: 0, longest: 0, mean: 0 };

/**
 * Tokens of one stage, by the recipe. Prompts are not counted as work: they are shared by the samples of a problem and by the steps of
 * a path, and a server's prefix cache has them.
 */
export function workOf(slot: StageSlot, spec: CampaignSpec, assumed: Assumptions, counts: Counts): Work {
  const { stages } = spec;
  const solved = counts.search * assumed.solvedShare;
  const solutions = Math.min(stages.rewrite.targetSolutions, Math.floor(solved * (1 + searchTraces(slot, spec))));
  const sampled = (samples: number, maxTokens: number, meanTokens: number): Work => {
    const tokens = Math.min(maxTokens, meanTokens);
    return {
      ...{ generated: samples * tokens, trained: 0 },
      ...{ longest: assumed.longestPromptTokens + maxTokens, mean: assumed.promptTokens + tokens },
    };
  };
  switch (slot.kind) {
    case 'pretrain': {
      const { optimizerSteps, batchSize, model } = stages.pretrain;
      const { contextTokens } = model;
      return {
        ...NO_WORK,
        trained: optimizerSteps * batchSize * contextTokens,
        longest: contextTokens,
        mean: contextTokens,
      };
    }
    case 'search': {
      const { method, samples = 0, iterations, candidates, rollouts, maxDepth, maxRolloutTokens } = stages.search;
      // Whole solutions from the root, which are as long as rollouts.
      if (method === 'best-of-n') return sampled(counts.search * samples, maxRolloutTokens, assumed.rolloutTokens);
      const rollout = Math.min(maxRolloutTokens, assumed.rolloutTokens);
      const perIteration = candidates * (assumed.stepTokens + rollouts * rollout);
      const path = maxDepth * assumed.stepTokens;
      return {
        ...{ generated: counts.search * iterations * perIteration, trained: 0 },
        ...{ longest: assumed.longestPromptTokens + path + maxRolloutTokens, mean: assumed.promptTokens + rollout },
      };
    }
    case 'linearise':
      // A verdict on a solution is a few words.
      return {
        ...sampled(solved * stages.linearise.selfEvaluations, assumed.stepTokens, assumed.stepTokens),
        longest: assumed.longestPromptTokens + stages.search.maxRolloutTokens + assumed.stepTokens,
      };
    case 'rewrite':
      return {
        ...{ generated: solutions * assumed.solutionTokens, trained: 0 },
        ...{
          longest: assumed.longestPromptTokens + stages.sft.maxTokens,
          mean: assumed.promptTokens + assumed.solutionTokens,
        },
      };
    case 'sft': {
      const { epochs, optimizerSteps, batchSize, maxTokens } = stages.sft;
      const mean = Math.min(maxTokens, assumed.promptTokens + assumed.solutionTokens);
      const passes = optimizerSteps === undefined ? epochs * solutions : optimizerSteps * batchSize;
      return { generated: 0, trained: passes * mean, longest: maxTokens, mean };
    }
    case 'curriculum': {
      const { samplesPerPrompt, maxTokens } = stages.curriculum;
      return sampled(counts.curriculum * samplesPerPrompt, maxTokens, assumed.solutionTokens);
    }
    case 'rl': {
      const { optimizerSteps, promptsPerStep, groupSize, maxCompletionTokens } = stages.rl;
      const rollouts = optimizerSteps * promptsPerStep * groupSize;
      const work = sampled(rollouts, maxCompletionTokens, assumed.completionTokens);
      return { ...work, trained: rollouts * work.mean };
    }
    case 'evaluate': {
      const { samplesPerProblem, greedy, maxTokens } = stages.evaluate;
      // What the base policy writes is as long as its rollouts; what the others write, as what they were taught.
      const mean = { 'evaluate-base': assumed.rolloutTokens }[slot.name] ?? assumed.completionTokens;
      return sampled(counts.benchmark * (samplesPerProblem + (greedy ? 1 : 0)), maxTokens, mean);
    }
    default:
      return NO_WORK;
  }
}

function searchTraces({ arm }: StageSlot, { arms, stages }: CampaignSpec): number {
  return arms.find(({ name }) => name === arm)?.searchTraces ?? stages.linearise.searchTraces;
}
