import { type InputRules, inputRules } from '../../inputs/index.ts';

/** Rules of a worker whose campaigns may read only below these folders. */
export const rulesFor = (roots: readonly string[], changes: Partial<InputRules> = {}): InputRules => ({
  ...inputRules({}, { project: '/nowhere', store: '/nowhere' }),
  roots,
  ...changes,
});
