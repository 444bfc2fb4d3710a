import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Rules {
  /** Variables that locate programs or configure the tests. */
  readonly kept: readonly string[];
  readonly keptPrefixes: readonly string[];
  readonly set: Readonly<Record<string, string>>;
}

const read = (): Rules => JSON.parse(readFileSync(new URL('./environment.json', import.meta.url), 'utf8'));

/** The part of the environment that tests may see. trainers/tests/conftest.py applies the same rules. Pure. */
export function testEnvironment(env: NodeJS.ProcessEnv, home: string, rules: Rules = read()): NodeJS.ProcessEnv {
  const isKept = (name: string) =>
    rules.kept.includes(name) || rules.keptPrefixes.some((prefix) => name.startsWith(prefix));
  const kept = Object.entries(env).filter(([name]) => isKept(name));
  return { ...Object.fromEntries(kept), ...rules.set, HOME: home };
}

/**
 * Takes from this process, and so from every test and every program that a test starts, what is the person's own:
 * variables, the files of a home folder (`~/.kube/config`, `~/.config/temporalio`), the mask of new files.
 */
export function forgetThePerson(): void {
  const home = mkdtempSync(join(tmpdir(), 'orrery-home-'));
  process.once('exit', () => rmSync(home, { recursive: true, force: true }));
  const env = testEnvironment(process.env, home);
  for (const name of Object.keys(process.env)) if (env[name] === undefined) delete process.env[name];
  Object.assign(process.env, env);
  process.umask(0o022);
}
