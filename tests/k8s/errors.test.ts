import { expect, it, test } from 'vitest';
import { isRefusal, KubeError, kubeError } from '../../k8s/api/errors.ts';

/** An answer of the API server, as the client library throws it. */
const answered = (code: number, message: string, headers = {}) => ({
  code,
  headers,
  body: JSON.stringify({ message }),
});

it.each([
  { name: 'a server that starts', thrown: answered(503, 'starting'), retryable: true },
  { name: 'too many requests', thrown: answered(429, 'too many requests'), retryable: true },
  { name: 'an object that somebody else changed', thrown: answered(409, 'modified'), retryable: true },
  { name: 'a manifest that is wrong', thrown: answered(422, 'spec.completions: Invalid value'), retryable: false },
  {
    name: 'a verb that is not granted',
    thrown: answered(403, 'User "x" cannot create resource "jobs"'),
    retryable: false,
  },
  { name: 'a quota that is used up', thrown: answered(403, 'exceeded quota: jobs'), retryable: true },
  { name: 'a webhook that does not answer', thrown: answered(500, 'failed calling webhook "x"'), retryable: true },
  { name: 'no answer at all', thrown: new TypeError('fetch failed'), retryable: true },
  { name: 'a request that took too long', thrown: new DOMException('timeout', 'TimeoutError'), retryable: true },
])('$name is retryable: $retryable', ({ thrown, retryable }) => {
  const error = kubeError('create Job x', thrown);
  expect(error.retryable).toBe(retryable);
  expect(isRefusal(error)).toBe(!retryable);
});

test('an error names the request and the message of the API server', () => {
  const error = kubeError('create Job x', answered(422, 'spec.completions: Invalid value: -1'));
  expect(error.message).toBe('create Job x: spec.completions: Invalid value: -1');
  expect(error.status).toBe(422);
});

test('an error of the network gives its cause', () => {
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6443'), { code: 'ECONNREFUSED' });
  const error = kubeError('list pods', new TypeError('fetch failed', { cause }));
  expect(error.message).toBe('list pods: no answer from the API server: connect ECONNREFUSED 127.0.0.1:6443');
  expect(error.status).toBeNull();
});

test('the wait that a server asks for is kept', () => {
  const error = kubeError('list pods', answered(429, 'too many requests', { 'retry-after': '7' }));
  expect(error.retryAfterSeconds).toBe(7);
});

test('a KubeError stays the same', () => {
  const error = new KubeError('x', { status: 410, message: 'gone', retryAfterSeconds: null }, null);
  expect(kubeError('y', error)).toBe(error);
});
