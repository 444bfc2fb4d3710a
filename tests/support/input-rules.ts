import { type InputRules, inputRules } from '../../inputs/index.ts';

/** Rules of a worker that lets campaigns read below these folders alone. */
export const rulesFor = (roots: readonly string[], changes: Partial<InputRules> = {}): InputRules => ({
  ...inputRules({}, { project: '/nowhere', store: '/nowhere' }),
  roots,
  ...changes,
});
