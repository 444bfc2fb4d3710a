import { CAMPAIGN_ID } from './campaign-id.ts';
import { matching } from './fields.ts';

/** A name that is valid within a path, a label and a workflow id. */
export const Name = matching(
  48,
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  'expected lower-case letters, digits and "-", starting and ending with a letter or digit',
);

/** Id of a campaign: its workflow id, and a folder of the store. */
export const CampaignId = matching(CAMPAIGN_ID.length, CAMPAIGN_ID.pattern, `expected ${CAMPAIGN_ID.expected}`);

/**
 * Name of a model. It is an argument of vLLM and a Temporal search attribute, which most databases limit to 255
 * characters.
 */
export const ModelName = matching(
  200,
  /^[A-Za-z0-9][A-Za-z0-9 ._/:@+-]*$/,
  'expected letters, digits, blanks and . _ / : @ + -, starting with a letter or digit',
);
