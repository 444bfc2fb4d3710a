/** Stages of an arm after which a campaign may end, in the order of the recipe. */
export const UNTIL = ['linearise', 'rewrite', 'sft', 'curriculum', 'rl'] as const;
