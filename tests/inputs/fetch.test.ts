import { readFile } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { lookupFor, PrivateHostError } from '../../inputs/hosts.ts';
import { type FetchLimits, fetchTo, type InputRules } from '../../inputs/index.ts';
import { sha256 } from '../../store/index.ts';
import { startHttps, type TestAuthority, testAuthority } from '../support/https-server.ts';
import { rulesFor } from '../support/input-rules.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let authority: TestAuthority;
const before = getCACertificates('default');
beforeAll(() => {
  authority = testAuthority();
  setDefaultCACertificates([...before, authority.ca]);
});
afterAll(() => {
  setDefaultCACertificates(before);
  authority[Symbol.dispose]();
});

async function aServer(listener: RequestListener) {
  const server = await startHttps(authority, listener);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

const LISTED = { hosts: new Set(['localhost', '127.0.0.1']) };

async function fetched(
  address: string,
  changes: Partial<InputRules> = LISTED,
  more: { limits?: Partial<FetchLimits>; signal?: AbortSignal } = {},
) {
  const path = join(await temporaryFolder(), 'file');
  const { signal = new AbortController().signal, limits = {} } = more;
  const digest = await fetchTo(address, path, { rules: rulesFor([], changes), signal, limits, onBytes: () => {} });
  const content = await readFile(path, 'utf8');
  expect(digest).toBe(sha256(content));
  return content;
}

const wrong = (message: RegExp) => ({ name: 'WrongInputError', message: expect.stringMatching(message) });
const unavailable = (message: RegExp) => ({ name: 'InputUnavailableError', message: expect.stringMatching(message) });
const sendTo = (location: string) => (_: IncomingMessage, response: ServerResponse) =>
  response.writeHead(302, { location }).end();

test('a file is fetched over https', async () => {
  const { origin } = await aServer((_, response) => response.end('one'));
  expect(await fetched(`${origin}/a.jsonl`)).toBe('one');
});

test('an untrusted certificate is refused, and the message says how to trust it', async () => {
  setDefaultCACertificates(before);
  onTestFinished(() => setDefaultCACertificates([...before, authority.ca]));
  const { origin } = await aServer((_, response) => response.end('one'));
  await expect(fetched(`${origin}/a`)).rejects.toMatchObject(
    wrong(/certificate is trusted \(\w+\); NODE_EXTRA_CA_CERTS/),
  );
});

describe('redirects', () => {
  test('are followed to a signed address, which no message contains', async () => {
    const { origin } = await aServer((request, response) => {
      if (request.url === '/signed?X-Amz-Signature=geheim') return void response.end('one');
      if (request.url === '/gone?X-Amz-Signature=geheim') return void response.writeHead(403).end('geheim');
      sendTo(request.url === '/a' ? '/signed?X-Amz-Signature=geheim' : '/gone?X-Amz-Signature=geheim')(
        request,
        response,
      );
    });
    expect(await fetched(`${origin}/a`)).toBe('one');
    const failure = await fetched(`${origin}/b`).catch((error: Error) => error);
    expect(failure).toMatchObject(wrong(/^expected a file of problems, but localhost:\d+ answered 403/));
    expect(String(failure)).not.toContain('geheim');
  });

  test('are followed at most five times', async () => {
    const { origin } = await aServer((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) return void response.end('one');
      sendTo(`/${left - 1}`)(request, response);
    });
    expect(await fetched(`${origin}/5`)).toBe('one');
    await expect(fetched(`${origin}/6`)).rejects.toMatchObject(wrong(/at most 5 redirects/));
  });

  test.each([
    'http://localhost:1/a',
    'file:///etc/passwd',
    'https://user:geheim@localhost/a',
    'ftp://localhost/a',
    'http://',
  ])('to %s are refused', async (location) => {
    const { origin } = await aServer(sendTo(location));
    await expect(fetched(`${origin}/a`)).rejects.toMatchObject(wrong(/^expected redirects to https:\/\/ addresses/));
  });

  test('to a private address are refused', async () => {
    const { origin } = await aServer(sendTo('https://169.254.169.254/latest/meta-data'));
    await expect(fetched(`${origin}/a`)).rejects.toMatchObject(wrong(/169\.254\.169\.254 is a private address/));
  });
});

describe('private addresses', () => {
  test.each([
    'https://127.0.0.1/a',
    'https://[::1]/a',
    'https://10.1.2.3/a',
    'https://[::ffff:10.1.2.3]/a',
    'https://localhost/a',
    'https://0x7f.1/a',
  ])('%s is refused', async (address) => {
    await expect(fetched(address, {})).rejects.toMatchObject(
      wrong(/is a private address; add it to ORRERY_DATA_HOSTS/),
    );
  });

  test('are also refused when a name resolves to them, for every connection', async () => {
    const look = (hosts: ReadonlySet<string>) =>
      new Promise((resolve) =>
        lookupFor(new URL('https://name.example'), { hosts })('localhost', { all: true }, (error, found) =>
          resolve(error ?? found),
        ),
      );
    expect(await look(new Set())).toBeInstanceOf(PrivateHostError);
    expect(await look(new Set(['name.example']))).toContainEqual({ address: '127.0.0.1', family: 4 });
  });
});

describe('headers', () => {
  test('are sent only to the host that they are for', async () => {
    const seen: (string | undefined)[] = [];
    const other = await aServer((request, response) => {
      seen.push(request.headers.authorization);
      response.end('one');
    });
    const first = await aServer((request, response) => {
      seen.push(request.headers.authorization);
      sendTo(`https://127.0.0.1:${other.host.split(':')[1]}/b`)(request, response);
    });
    const headers = new Map([[first.host, { authorization: 'Bearer geheim' }]]);
    expect(await fetched(`${first.origin}/a`, { ...LISTED, headers })).toBe('one');
    expect(seen).toEqual(['Bearer geheim', undefined]);
  });

  test('are suggested when a server answers 401', async () => {
    const { origin } = await aServer((_, response) => response.writeHead(401).end());
    await expect(fetched(`${origin}/a`)).rejects.toMatchObject(
      wrong(/answered 401; set headers for this host in ORRERY_DATA_HEADERS/),
    );
  });
});

describe('a server that', () => {
  test.each([
    [404, wrong(/answered 404/)],
    [204, wrong(/answered 204/)],
    [429, unavailable(/answered 429/)],
    [503, unavailable(/answered 503/)],
  ])('answers %i', async (status, failure) => {
    const { origin } = await aServer((_, response) => response.writeHead(status).end());
    await expect(fetched(`${origin}/a`)).rejects.toMatchObject(failure);
  });

  test('is missing counts as unavailable', async () => {
    await expect(fetched('https://localhost:1/a')).rejects.toMatchObject(
      unavailable(/^could not be reached: ECONNREFUSED/),
    );
  });

  test('closes the connection counts as unavailable', async () => {
    const { origin } = await aServer((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half', () => response.destroy());
    });
    await expect(fetched(`${origin}/a`)).rejects.toMatchObject(unavailable(/^broke off/));
  });

  test('never responds counts as unavailable', async () => {
    const { origin } = await aServer(() => {});
    await expect(fetched(`${origin}/a`, LISTED, { limits: { silenceMs: 100 } })).rejects.toMatchObject(
      unavailable(/^could not be reached: UND_ERR_HEADERS_TIMEOUT/),
    );
  });

  test('sends too slowly counts as unavailable', async () => {
    const { origin } = await aServer((_, response) => {
      const timer = setInterval(() => response.write('x'), 10);
      response.on('close', () => clearInterval(timer));
    });
    await expect(fetched(`${origin}/a`, LISTED, { limits: { slowMs: 200 } })).rejects.toMatchObject(
      unavailable(/^broke off: it sent less/),
    );
  });

  test.each([
    ['announces too many bytes', { 'content-length': '2000' }],
    ['sends too many bytes without announcing them', {}],
  ])('%s is refused', async (_, headers) => {
    const { origin } = await aServer((_request, response) => {
      response.writeHead(200, headers);
      response.end('x'.repeat(2000));
    });
    await expect(fetched(`${origin}/a`, { ...LISTED, maxBytes: 1000 })).rejects.toMatchObject(
      wrong(/at most 1000 bytes/),
    );
  });

  test('is silent does not delay the stop of the stage', async () => {
    const { origin } = await aServer((_, response) => void response.write('half'));
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('stopped')), 50);
    await expect(fetched(`${origin}/a`, LISTED, { signal: stop.signal })).rejects.toThrow('stopped');
  });
});
