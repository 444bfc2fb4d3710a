import { fileURLToPath } from 'node:url';

/** The project's folder; relative paths of a campaign start here. */
// @loads nothing
export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Interpreter that Python helpers of a stage run with: `ORRERY_PYTHON` of the pod contract. */
export const python = (): string => process.env.ORRERY_PYTHON ?? 'python3';

/** Command that runs a module of `trainers/`. */
export const pythonCommand = (module: string, ...args: string[]): [string, ...string[]] => [
  python(),
  '-m',
  module,
  ...args,
];

/** Environment of a Python helper: ours, with `trainers/` importable. UTF-8 whatever the locale of the pod. */
export function pythonEnvironment(): NodeJS.ProcessEnv {
  const path = [`${PROJECT}trainers`, process.env.PYTHONPATH].filter(Boolean).join(':');
  return { ...process.env, PYTHONPATH: path, PYTHONUTF8: '1', PYTHONUNBUFFERED: '1' };
}
