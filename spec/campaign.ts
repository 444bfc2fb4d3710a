import { z } from 'zod';
import { Assumptions } from './assumptions.ts';
import { CAMPAIGN_RULES } from './campaign-rules.ts';
import { Data } from './data.ts';
import { InvalidInputError, parseOrRefuse } from './errors.ts';
import { namesDiffer, prose, withRules } from './fields.ts';
import { jsonFault } from './json-limits.ts';
import { Name } from './names.ts';
import { DomainRef, Policy } from './policy.ts';
import { SPEC_LIMITS } from './spec-limits.ts';
import { STAGE_CONFIGS, searchTraces, selfEvaluations, WrongBranches } from './stages/index.ts';
import { UNTIL } from './until.ts';

/**
 * A variant to compare within the campaign. It sets how the training set is made; everything else is the same for all
 * arms.
 */
export const Arm = z.strictObject({
  name: Name,
  searchTraces: searchTraces().optional().meta({
    description: 'Search traces per problem; overrides stages.linearise.searchTraces. 0 makes a Direct control arm.',
  }),
  wrongBranches: WrongBranches.optional().meta({
    description: 'k; overrides stages.linearise.wrongBranches. For an ablation of the number of backtracks.',
  }),
  merge: z
    .boolean()
    .optional()
    .meta({ description: 'Overrides stages.linearise.merge. For an ablation of the merging.' }),
  selfEvaluations: selfEvaluations().optional().meta({
    description: 'N; overrides stages.linearise.selfEvaluations. 0 is an ablation without self-evaluation.',
  }),
});
export type Arm = z.infer<typeof Arm>;

const Stages = z.strictObject(STAGE_CONFIGS).prefault({});

/** A campaign: one spec, from search to report. */
export const CampaignSpec = withRules(
  z.strictObject({
    name: Name.meta({ description: 'Name of the campaign; the default of its workflow id.' }),
    description: prose(2000).optional().meta({ description: 'Purpose of the campaign, in a sentence.' }),
    seed: z
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(0)
      .meta({ description: 'Every random choice of the campaign derives from it.' }),
    domain: DomainRef,
    policy: Policy,
    data: Data,
    arms: z
      .array(Arm)
      .min(1)
      .max(16)
      .default([{ name: 'astro' }, { name: 'direct', searchTraces: 0 }])
      .refine(namesDiffer, 'expected arms with different names')
      .meta({ description: 'Variants to compare. The default compares a search-taught arm with a direct one.' }),
    onFailure: z.enum(['hold', 'fail']).default('hold').meta({
      description:
        'What happens when a stage has used up its attempts. hold: it waits for retryStage. fail: the campaign ends once the other arm has finished.',
    }),
    until: z.enum(UNTIL).optional().meta({
      description:
        'Last stage of every arm; when not set, all stages run. Policies are evaluated from sft on. There is always a report.',
    }),
    approveBeforeRl: z
      .boolean()
      .default(false)
      .meta({ description: 'Whether every arm waits for the update approve before its RL.' }),
    stages: Stages,
    plan: Assumptions,
  }),
  CAMPAIGN_RULES,
);
export type CampaignSpec = z.infer<typeof CampaignSpec>;
/** A campaign spec as written by a person: fields with a default may be missing. */
export type CampaignSpecInput = z.input<typeof CampaignSpec>;

/**
 * Parses a campaign spec and fills in every default. The command line and the workflows both use this function.
 * @param what - name of the input in error messages
 * @throws InvalidInputError when the spec is too large, nested too deeply, not JSON, or has bad fields, which the error
 *   names
 */
export function parseCampaignSpec(value: unknown, what: string): CampaignSpec {
  const fault = jsonFault(value, SPEC_LIMITS);
  if (fault !== null) throw new InvalidInputError(what, [fault]);
  return parseOrRefuse(CampaignSpec, value, what);
}
