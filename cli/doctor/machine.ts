import { accessSync, constants, mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { inProject, storePath, TEMPORAL, VENV_PYTHON } from '../../config/paths.ts';
import { type Check, missing, ok, optional } from './check.ts';

/** What is installed on this machine. */
export const machineChecks = (): Promise<Check[]> =>
  Promise.all([node(), python(), packages(), temporal(), store(), chromium()]);

/** With less free space than this, even a short run may fill the disk. */
const LITTLE_SPACE_GB = 2;

const INSTALL = 'npm run setup';

async function node(): Promise<Check> {
  const { dependencies } = JSON.parse(readFileSync(inProject('package.json'), 'utf8')) as {
    dependencies: { node: string };
  };
  const { node: running } = process.versions;
  return running === dependencies.node
    ? ok('Node', running)
    : missing('Node', `${running}, not the pinned ${dependencies.node}`, 'npm ci, then use `npm run` or `npx orrery`');
}

async function python(): Promise<Check> {
  const { failed, stdout } = await execa(VENV_PYTHON, ['--version'], { reject: false });
  return failed ? missing('Python', 'no environment in .venv', INSTALL) : ok('Python', String(stdout));
}

/** Compares the installed packages with the pins of the requirements file. */
async function packages(): Promise<Check> {
  const listing =
    'import importlib.metadata as m, json; print(json.dumps({d.name.lower().replace("_", "-"): d.version for d in m.distributions()}))';
  const { failed, stdout } = await execa(VENV_PYTHON, ['-c', listing], { reject: false });
  if (failed) return missing('Python packages', 'none', INSTALL);
  const installed = JSON.parse(String(stdout)) as Record<string, string>;
  const file = process.env.ORRERY_REQUIREMENTS ?? inProject('trainers/requirements.txt');
  const wrong = wrongPackages(readFileSync(file, 'utf8'), installed);
  return wrong.length === 0
    ? ok('Python packages', `as in ${file}`)
    : missing(
        'Python packages',
        wrong.slice(0, 3).join(', ') + (wrong.length > 3 ? `, and ${wrong.length - 3} more` : ''),
        INSTALL,
      );
}

/** Pins that are absent or of another version. Pins with a marker are skipped: they may not apply to this machine. */
export function wrongPackages(requirements: string, installed: Readonly<Record<string, string>>): string[] {
  return [...requirements.matchAll(/^([A-Za-z0-9._-]+)==([^\s;]+) *\\?$/gm)].flatMap(([, name = '', wanted = '']) => {
    const version = installed[name.toLowerCase().replaceAll(/[._]/g, '-')];
    if (version === wanted) return [];
    return [`${name} ${version === undefined ? 'is missing' : `is ${version}`}, not ${wanted}`];
  });
}

async function temporal(): Promise<Check> {
  const { failed, stdout } = await execa(TEMPORAL, ['--version'], { reject: false });
  return failed
    ? missing('temporal', 'not installed', INSTALL)
    : ok('temporal', String(stdout).replace('temporal version ', ''));
}

async function store(): Promise<Check> {
  const path = storePath();
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK);
  } catch {
    return missing(
      'store',
      `cannot write to ${path}`,
      `chown it (see \`ls -ld ${dirname(path)}\`), or name another store with ORRERY_STORE`,
    );
  }
  const { bavail, bsize } = statfsSync(path);
  const freeGb = (bavail * bsize) / 1e9;
  const found = `${path}, ${freeGb.toFixed(0)} GB free`;
  return freeGb < LITTLE_SPACE_GB
    ? missing('store', found, 'free some space there, or name another store with ORRERY_STORE')
    : ok('store', found);
}

/** Only one test needs a browser: it renders the report. */
async function chromium(): Promise<Check> {
  for (const command of [process.env.ORRERY_CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome']) {
    if (command === undefined) continue;
    const { failed, stdout } = await execa(command, ['--version'], { reject: false });
    if (!failed) return ok('Chromium', String(stdout).trim());
  }
  return optional('Chromium', 'not found; only the test of the report page needs it', 'sudo apt-get install chromium');
}
