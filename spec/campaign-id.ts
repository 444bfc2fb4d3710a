/** What the id of a campaign may be: it is a workflow id and the name of a folder. */
export const CAMPAIGN_ID = {
  length: 128,
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
  expected: 'letters, digits, ".", "_" and "-", starting with a letter or digit',
} as const;
