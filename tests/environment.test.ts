import { statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testEnvironment } from './support/environment.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

test('tests see nothing of the person who runs them: no variable, no home folder, no time zone, no mask', async () => {
  // What vitest itself sets in the processes of its tests.
  const ofVitest = ['TEST', 'DEV', 'PROD', 'SSR', 'MODE', 'BASE_URL', 'NODE_ENV', 'NODE_PATH', 'FORCE_TTY'];
  const left = Object.keys(process.env).filter((name) => !ofVitest.includes(name));
  expect(Object.keys(testEnvironment(process.env, homedir()))).toEqual(expect.arrayContaining(left));
  expect(homedir()).toContain('orrery-home-');
  expect(new Date(0).getTimezoneOffset()).toBe(0);
  const file = join(await temporaryFolder(), 'new');
  writeFileSync(file, '');
  expect(statSync(file).mode & 0o777).toBe(0o644);
});

test('variables that steer programs are not kept, whoever sets them; those that ask the tests for something are', () => {
  const env = {
    ORRERY_TEMPORAL_PORT: '7300',
    ORRERY_STORE: '/mine',
    TEMPORAL_ADDRESS: 'x:1',
    KUBECONFIG: '/mine',
    HTTPS_PROXY: 'x',
    NODE_OPTIONS: '--no-such',
    NO_COLOR: '1',
    FORCE_COLOR: '1',
    CI: 'true',
    TZ: 'Asia/Kolkata',
    LC_ALL: 'tr_TR.UTF-8',
    PYTHONWARNINGS: 'error',
    npm_config_registry: 'x',
    HF_HOME: '/mine',
    HOME: '/mine',
    XDG_CONFIG_HOME: '/mine',
    PATH: '/bin',
    ORRERY_TEST_FAULTS: '1',
  };
  expect(testEnvironment(env, '/empty')).toEqual({
    PATH: '/bin',
    ORRERY_TEST_FAULTS: '1',
    HOME: '/empty',
    TZ: 'UTC',
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    TERM: 'dumb',
  });
});
