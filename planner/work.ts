import type { Assumptions, CampaignSpec, StageSlot } from '../spec/index.ts';

/** Number of problems in the sets of a campaign. */
export interface ProblemCounts {
  readonly search: number;
  readonly curriculum: number;
  readonly benchmark: number;
}

/**
 * The number of problems according to the spec, or as assumed.
 * @param counted - numbers of lines in the problem files that could be counted
 */
export function countsOf(
  { data }: CampaignSpec,
  assumed: Assumptions,
  counted: Partial<ProblemCounts> = {},
): ProblemCounts {
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

/** The work of a stage in tokens. */
export interface Work {
  /** Tokens that policies generate. */
  readonly generated: number;
  /** Tokens that a trainer trains on. */
  readonly trained: number;
  /** Length of the longest sequence with its prompt; 0 for a stage without policy server and trainer. */
  readonly longest: number;
  /** Mean length of a sequence with its prompt. */
  readonly mean: number;
}

const NO_WORK: Work = { generated: 0, trained: 0, longest: 0, mean: 0 };

/**
 * The work of one stage. Prompts do not count as work: the samples of a problem and the steps of a path share them, so
 * they are in the prefix cache of the server.
 */
export function workOf(slot: StageSlot, spec: CampaignSpec, assumed: Assumptions, counts: ProblemCounts): Work {
  const { stages } = spec;
  const solved = counts.search * assumed.solvedShare;
  const solutions = Math.min(stages.rewrite.targetSolutions, Math.floor(solved * (1 + searchTraces(slot, spec))));
  const sampled = (samples: number, maxTokens: number, meanTokens: number): Work => {
    const tokens = Math.min(maxTokens, meanTokens);
    return {
      generated: samples * tokens,
      trained: 0,
      longest: assumed.longestPromptTokens + maxTokens,
      mean: assumed.promptTokens + tokens,
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
      // Best-of-N samples whole solutions from the root, which are as long as rollouts.
      if (method === 'best-of-n') return sampled(counts.search * samples, maxRolloutTokens, assumed.rolloutTokens);
      const rollout = Math.min(maxRolloutTokens, assumed.rolloutTokens);
      const perIteration = candidates * (assumed.stepTokens + rollouts * rollout);
      const path = maxDepth * assumed.stepTokens;
      return {
        generated: counts.search * iterations * perIteration,
        trained: 0,
        longest: assumed.longestPromptTokens + path + maxRolloutTokens,
        mean: assumed.promptTokens + rollout,
      };
    }
    case 'linearise':
      // A judgement of a solution is about as long as a reasoning step.
      return {
        ...sampled(solved * stages.linearise.selfEvaluations, assumed.stepTokens, assumed.stepTokens),
        longest: assumed.longestPromptTokens + stages.search.maxRolloutTokens + assumed.stepTokens,
      };
    case 'rewrite':
      return {
        generated: solutions * assumed.solutionTokens,
        trained: 0,
        longest: assumed.longestPromptTokens + stages.sft.maxTokens,
        mean: assumed.promptTokens + assumed.solutionTokens,
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
      // Completions of the base policy are as long as its rollouts. Trained policies write longer completions, as they
      // were taught.
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
