import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { SECRET_PATHS } from '../../store/index.ts';

test('a secret at the top level or one level below is not logged', () => {
  let printed = '';
  const stream = new Writable({
    write(chunk, _, done) {
      printed += chunk;
      done();
    },
  });
  const log = pino({ redact: { paths: [...SECRET_PATHS], censor: '[secret]' } }, stream);
  log.info({ apiKey: 'hush', headers: { authorization: 'hush' }, policy: 'plain' }, 'asks');
  expect(JSON.parse(printed)).toMatchObject({
    apiKey: '[secret]',
    headers: { authorization: '[secret]' },
    policy: 'plain',
  });
});
