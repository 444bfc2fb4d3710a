import { fileURLToPath } from 'node:url';

/** The project's folder. Relative paths of a campaign start here. */
// @loads nothing
export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Python interpreter for the helpers of a stage: `ORRERY_PYTHON` of the pod contract. */
export const python = (): string => process.env.ORRERY_PYTHON ?? 'python3';

/** Command that runs a module of `trainers/`. */
export const pythonCommand = (module: string, ...args: string[]): [string, ...string[]] => [
  python(),
  '-m',
  module,
  ...args,
];

/**
 * Environment of a Python helper: that of this process, with `trainers/` importable, and UTF-8 whatever the pod's
 * locale.
 */
export function pythonEnvironment(): NodeJS.ProcessEnv {
  const path = [`${PROJECT}trainers`, process.env.PYTHONPATH].filter(Boolean).join(':');
  return { ...process.env, PYTHONPATH: path, PYTHONUTF8: '1', PYTHONUNBUFFERED: '1' };
}
