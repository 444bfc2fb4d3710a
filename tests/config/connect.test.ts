import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { environmentLines } from '../../cli/commands/installation.ts';
import { startCommands } from '../../cli/submit.ts';
import { connectionSettings } from '../../config/connect.ts';
import { connectionFlags, orreryCommand, quoted } from '../../config/printed-commands.ts';
import { type RememberedServer, rememberedServer, rememberServer } from '../../config/remembered.ts';

const folder = mkdtempSync(join(tmpdir(), 'orrery-connect-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Hides the profile of the person who runs the tests. */
const NO_PROFILE = { TEMPORAL_CONFIG_FILE: '/no/such/temporal.toml' };
const SERVER: RememberedServer = {
  port: 45_001,
  uiPort: 45_002,
  namespace: 'teams',
  taskQueue: 'mine',
  namespaceId: '01234567-89ab-cdef-0123-456789abcdef',
};
const settingsWith = (env: Record<string, string> = {}, remembered: RememberedServer | null = null) => {
  const { connectionOptions, namespace, taskQueue, namespaceId } = connectionSettings(
    { ...NO_PROFILE, ...env },
    remembered,
  );
  return { address: connectionOptions.address, namespace, taskQueue, namespaceId };
};

describe('the Temporal server of a command is', () => {
  test('on localhost at the default port when nothing names another', () => {
    expect(settingsWith()).toEqual({
      address: 'localhost:7233',
      namespace: 'default',
      taskQueue: 'orrery',
      namespaceId: null,
    });
    expect(settingsWith({ ORRERY_TEMPORAL_PORT: '7300' }).address).toBe('localhost:7300');
    expect(settingsWith({ ORRERY_TEMPORAL_PORT: '7300', TEMPORAL_ADDRESS: 'there:7233' }).address).toBe('there:7233');
  });

  test('the one that this clone started last, with its namespace and queue', () => {
    const { namespace, taskQueue, namespaceId } = SERVER;
    expect(settingsWith({}, SERVER)).toEqual({ address: 'localhost:45001', namespace, taskQueue, namespaceId });
    expect(settingsWith({ ORRERY_TASK_QUEUE: 'other' }, SERVER)).toMatchObject({ taskQueue: 'other', namespaceId });
    // The remembered id belongs to the remembered namespace only.
    expect(settingsWith({ TEMPORAL_NAMESPACE: 'other' }, SERVER)).toMatchObject({
      namespace: 'other',
      namespaceId: null,
    });
  });

  test('the one that the environment names, whatever is remembered', () => {
    const elsewhere = { address: 'there:7233', namespace: 'default', taskQueue: 'orrery', namespaceId: null };
    expect(settingsWith({ TEMPORAL_ADDRESS: 'there:7233' }, SERVER)).toEqual(elsewhere);
    expect(settingsWith({ ORRERY_TEMPORAL_PORT: '7300' }, SERVER)).toEqual({ ...elsewhere, address: 'localhost:7300' });
    // A person who names the address accepts any server that answers there.
    expect(settingsWith({ TEMPORAL_ADDRESS: 'localhost:45001' }, SERVER)).toMatchObject({
      taskQueue: 'mine',
      namespaceId: null,
    });
  });

  test('not taken from an invalid port or queue: the error names the variable', () => {
    expect(() => settingsWith({ ORRERY_TEMPORAL_PORT: 'none' })).toThrow(
      'ORRERY_TEMPORAL_PORT: expected a port from 1 to 65535, but got "none"',
    );
    for (const name of ["x' OR 1=1", 'a b', '/_sys/x', '-x', 'a:b', 'x'.repeat(101), 'ü', 'x\n']) {
      expect(() => settingsWith({ ORRERY_TASK_QUEUE: name })).toThrow(/^ORRERY_TASK_QUEUE: .*, but got "/);
    }
  });
});

describe('the remembered server', () => {
  const file = join(folder, 'connection.json');

  test('is the same after a round trip', () => {
    expect(rememberedServer(file)).toBeNull();
    rememberServer(SERVER, file);
    expect(rememberedServer(file)).toEqual(SERVER);
  });

  test.each([
    ['a truncated file', '{"port":'],
    ['an empty file', ''],
    ['a list', '[]'],
    ['an invalid port', JSON.stringify({ ...SERVER, port: 70_000 })],
    ['a shell command as the queue', JSON.stringify({ ...SERVER, taskQueue: '$(id)' })],
    ['a namespace with a quote', JSON.stringify({ ...SERVER, namespace: "a'b" })],
    ['a field of another version', JSON.stringify({ ...SERVER, address: 'there:7233' })],
    ['a file of a megabyte', ' '.repeat(1 << 20)],
    ['a list that is nested 10,000 deep', '['.repeat(10_000)],
  ])('is refused with a remedy: %s', (_, text) => {
    writeFileSync(file, text);
    expect(() => rememberedServer(file)).toThrow(`${file} (remove it to start afresh) is not valid`);
  });

  test('is refused when a folder has the name of the file', () => {
    expect(() => rememberedServer(folder)).toThrow('(remove it to start afresh) is not valid');
  });
});

describe('printed commands', () => {
  const command = (env: Record<string, string>, remembered: RememberedServer | null = null) =>
    orreryCommand('watch tiny', 'npx orrery', { ...NO_PROFILE, ...env }, remembered);

  test('set only the variables that differ from the defaults of this clone', () => {
    expect(command({})).toBe('npx orrery watch tiny');
    expect(command({}, SERVER)).toBe('npx orrery watch tiny');
    expect(command({ ORRERY_TEMPORAL_PORT: '45001' }, SERVER)).toBe('npx orrery watch tiny');
    expect(command({ ORRERY_TASK_QUEUE: 'other' }, SERVER)).toBe('ORRERY_TASK_QUEUE=other npx orrery watch tiny');
    expect(command({ TEMPORAL_ADDRESS: 'there:1', TEMPORAL_NAMESPACE: 'teams' })).toBe(
      'TEMPORAL_ADDRESS=there:1 TEMPORAL_NAMESPACE=teams npx orrery watch tiny',
    );
    expect(command({ TEMPORAL_ADDRESS: 'there:1' }, SERVER)).toBe(
      'TEMPORAL_ADDRESS=there:1 TEMPORAL_NAMESPACE=default ORRERY_TASK_QUEUE=orrery npx orrery watch tiny',
    );
  });

  test('name the address, namespace and queue for temporal and tctl', () => {
    const settings = connectionSettings(NO_PROFILE, SERVER);
    expect(startCommands('tiny', 'my file.json', settings)).toEqual([
      "temporal workflow start --address localhost:45001 --namespace teams --task-queue mine --type campaign --workflow-id tiny --task-timeout 6s --input-file 'my file.json'",
      "tctl --address localhost:45001 --namespace teams workflow start --taskqueue mine --workflow_type campaign --workflow_id tiny --workflow_task_timeout 6 --input_file 'my file.json'",
    ]);
    expect(connectionFlags(settings)).toBe('--address localhost:45001 --namespace teams');
    expect(environmentLines(settings)).toContain('export TEMPORAL_CLI_ADDRESS=localhost:45001');
  });

  test('quote every value for the shell', () => {
    expect(quoted("a'; rm -rf $HOME")).toBe("'a'\\''; rm -rf $HOME'");
    expect(quoted('')).toBe("''");
  });
});
