import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connectionSettings } from '../../cli/connect.ts';

beforeEach(() => {
  vi.stubEnv('TEMPORAL_ADDRESS', undefined);
  vi.stubEnv('TEMPORAL_CONFIG_FILE', '/no/such/temporal.toml');
});
afterEach(() => vi.unstubAllEnvs());

const address = () => connectionSettings().connectionOptions.address;

test('Temporal is on this machine, at the port that the project uses, where nothing else is named', () => {
  expect(address()).toBe('localhost:7233');
  vi.stubEnv('ORRERY_TEMPORAL_PORT', '7300');
  expect(address()).toBe('localhost:7300');
  vi.stubEnv('TEMPORAL_ADDRESS', 'temporal.example:7233');
  expect(address()).toBe('temporal.example:7233');
});

test('a port that is none is refused by the name of its variable', () => {
  vi.stubEnv('ORRERY_TEMPORAL_PORT', 'none');
  expect(address).toThrow('ORRERY_TEMPORAL_PORT: expected a port from 1 to 65535, but got "none"');
});
