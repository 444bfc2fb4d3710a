import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { createKubeClient } from '../../k8s/api/client.ts';
import { KubeError } from '../../k8s/api/errors.ts';
import type { Job } from '../../k8s/api/objects.ts';
import { startHttps, testAuthority } from '../support/https-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const status = (code: number): Answer => {
  const body = { kind: 'Status', code, message: `refused with ${code}` };
  return (_, response) =>
    void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
const json = (value: unknown): Answer => {
  return (_, response) => void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
};

const authority = testAuthority();
afterAll(() => authority[Symbol.dispose]());

/** The client with an https server on this machine, which answers by method and path as an API server would. */
async function clientOf(answers: Readonly<Record<string, Answer>>) {
  const server = await startHttps(authority, (request, response) => {
    const { pathname } = new URL(request.url ?? '', 'https://localhost');
    (answers[`${request.method} ${pathname}`] ?? status(404))(request, response);
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const kubeconfig = join(await temporaryFolder(), 'kubeconfig');
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    clusters: [{ name: 'here', cluster: { server: server.origin, 'certificate-authority': authority.caFile } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'worker' } }],
    users: [{ name: 'worker', user: {} }],
  };
  await writeFile(kubeconfig, stringify(content));
  vi.stubEnv('KUBECONFIG', kubeconfig);
  onTestFinished(() => void vi.unstubAllEnvs());
  return createKubeClient('lab');
}

const JOBS = '/apis/batch/v1/namespaces/lab/jobs';
const PODS = '/api/v1/namespaces/lab/pods';
const aJob: Job = { metadata: { name: 'one', resourceVersion: '7' } } as Job;

test('a missing Job is null, and so is the creation of an existing one', async () => {
  const client = await clientOf({ [`POST ${JOBS}`]: status(409) });
  expect(await client.getJob('one')).toBeNull();
  expect(await client.createJob(aJob)).toBeNull();
  expect(await client.patchJob('one', { annotations: {}, spec: { suspend: true } })).toBeNull();
  await client.deleteJob('one');
});

test('a refusal names the request, the status and the message of the server', async () => {
  const client = await clientOf({ [`GET ${JOBS}/one`]: status(403), [`POST ${JOBS}`]: status(422) });
  await expect(client.getJob('one')).rejects.toThrow('get Job one: refused with 403');
  await expect(client.createJob(aJob)).rejects.toMatchObject({ status: 422, retryable: false });
});

test('an unreachable server is retryable', async () => {
  const client = await clientOf({ [`GET ${JOBS}/one`]: (request) => request.socket.destroy() });
  await expect(client.getJob('one')).rejects.toMatchObject({ status: null, retryable: true });
});

test('a Job is changed by a JSON patch, with slashes escaped as in RFC 6901', async () => {
  const bodies: unknown[] = [];
  const client = await clientOf({
    [`PATCH ${JOBS}/one`]: async (request, response) => {
      bodies.push(JSON.parse(await text(request)), request.headers['content-type']);
      json(aJob)(request, response);
    },
  });
  const changed = await client.patchJob('one', { annotations: { 'orrery.dev/a': 'b' }, spec: { suspend: true } });
  expect(changed?.metadata?.name).toBe('one');
  expect(bodies).toEqual([
    [
      { op: 'add', path: '/metadata/annotations/orrery.dev~1a', value: 'b' },
      { op: 'add', path: '/spec/suspend', value: true },
    ],
    'application/json-patch+json',
  ]);
});

test('a resource that the worker may not read, or that the cluster does not serve, is empty', async () => {
  const PODGROUPS = '/apis/scheduling.x/v1/namespaces/lab/podgroups';
  const client = await clientOf({
    'GET /api/v1/nodes': status(403),
    'GET /api/v1/pods': status(403),
    [`POST ${PODGROUPS}`]: status(409),
    'GET /apis/other.x/v1/namespaces/lab/things': status(403),
    'POST /api/v1/namespaces/lab/services': status(409),
    [`GET ${PODS}/p/log`]: status(400),
  });
  expect([await client.listNodes(), await client.listPodsOnNodes(), await client.getNode('n')]).toEqual([
    null,
    null,
    null,
  ]);
  expect(await client.createCustom('scheduling.x', 'v1', 'podgroups', {})).toBe(true); // one stands
  expect(await client.createCustom('other.x', 'v1', 'things', {})).toBe(false);
  expect(await client.listCustom('other.x', 'v1', 'things', 'a=b')).toEqual([]);
  expect(await client.podLog('p', 'main', { tailLines: 1, limitBytes: 1 })).toBeNull();
  await client.createService({ metadata: { name: 'one' } } as never);
});

test('a list comes page by page, and requests are counted by verb and resource', async () => {
  const client = await clientOf({
    [`GET ${JOBS}`]: (request, response) => {
      const isSecond = request.url?.includes('continue=next') ?? false;
      const metadata = { resourceVersion: '9', ...(isSecond ? {} : { continue: 'next' }) };
      json({ kind: 'JobList', apiVersion: 'batch/v1', metadata, items: [aJob] })(request, response);
    },
  });
  const first = await client.list('jobs', { labels: 'a=b' }, null);
  expect(first).toMatchObject({ resourceVersion: '9', next: 'next', items: [{ metadata: { name: 'one' } }] });
  expect(await client.list('jobs', { labels: 'a=b' }, first.next)).toMatchObject({ next: null });
  expect([...client.requests]).toEqual([['GET jobs', 2]]);
});

test('a watch reports that it is open, then every change, and ends when its signal aborts', async () => {
  const client = await clientOf({
    [`GET ${JOBS}`]: (_, response) =>
      void response.writeHead(200).write(`${JSON.stringify({ type: 'ADDED', object: aJob })}\n`),
  });
  const leaving = new AbortController();
  const types: string[] = [];
  for await (const { type } of client.watch('jobs', {}, '1', leaving.signal)) {
    types.push(type);
    if (type === 'ADDED') leaving.abort();
  }
  expect(types).toEqual(['OPEN', 'ADDED']);
  expect(client.watches).toEqual({ now: 0, most: 1 });
});

test('a watch from a version that the server has forgotten fails with 410', async () => {
  const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, message: 'too old resource version' } };
  const client = await clientOf({ [`GET ${JOBS}`]: (_, response) => void response.end(`${JSON.stringify(gone)}\n`) });
  const watched = (async () => {
    for await (const _ of client.watch('jobs', {}, '1', new AbortController().signal));
  })();
  await expect(watched).rejects.toMatchObject({ status: 410 });
  await expect(watched).rejects.toBeInstanceOf(KubeError);
});

test('a log is followed until its signal aborts', async () => {
  const client = await clientOf({
    [`GET ${PODS}/p/log`]: (_, response) => void response.writeHead(200).write('first\n'),
  });
  const leaving = new AbortController();
  const chunks: string[] = [];
  for await (const chunk of client.followLog('p', 'main', leaving.signal)) {
    chunks.push(chunk);
    leaving.abort();
  }
  expect(chunks).toEqual(['first\n']);
});

test('a broken connection of a log is an error, and the process continues', async () => {
  const client = await clientOf({
    [`GET ${PODS}/p/log`]: (request, response) => {
      response.writeHead(200).write('first\n');
      setTimeout(() => request.socket.destroy(), 100);
    },
  });
  const chunks: string[] = [];
  const followed = async () => {
    for await (const chunk of client.followLog('p', 'main', new AbortController().signal)) chunks.push(chunk);
  };
  await expect(followed()).rejects.toMatchObject({ operation: 'follow the log of p', retryable: true });
  expect(chunks).toEqual(['first\n']);
});

test('a command that does not answer in time is an error with the time', async () => {
  const client = await clientOf({});
  await expect(client.exec('p', 'main', ['true'], 500)).rejects.toThrow(/^exec in p: /);
});
