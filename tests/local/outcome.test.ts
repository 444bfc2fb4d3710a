import { describe, expect, it, test } from 'vitest';
import type { JobObservation, PodState } from '../../executor/index.ts';
import { localOutcome } from '../../local/index.ts';
import { aPod } from './support.ts';

const failed = (...pods: Partial<PodState>[]): JobObservation => ({
  name: 'demo-sft-0',
  phase: 'failed',
  message: null,
  pods: pods.map((pod, part) => aPod({ part, ...pod })),
});

describe('a failed pod', () => {
  it.each<{ name: string; pod: Partial<PodState>; want: string }>([
    { name: 'exit code 65 is bad input', pod: { exitCode: 65 }, want: 'InvalidInput' },
    { name: 'exit code 69 is an unavailable dependency', pod: { exitCode: 69 }, want: 'DependencyDown' },
    { name: 'exit code 70 is a divergence', pod: { exitCode: 70 }, want: 'Diverged' },
    { name: 'exit code 71 is out of memory', pod: { exitCode: 71 }, want: 'OutOfMemory' },
    { name: 'exit code 72 is a failed machine', pod: { exitCode: 72 }, want: 'NodeFailure' },
    { name: 'exit code 143 without a stop is a preemption', pod: { exitCode: 143 }, want: 'Preempted' },
    {
      name: 'SIGTERM without a stop is a preemption',
      pod: { exitCode: null, signal: 'SIGTERM' },
      want: 'Preempted',
    },
    { name: 'SIGKILL without a stop is a crash', pod: { exitCode: null, signal: 'SIGKILL' }, want: 'Crashed' },
    { name: 'exit code 137 is a crash', pod: { exitCode: 137 }, want: 'Crashed' },
    { name: 'a segmentation fault is a crash', pod: { exitCode: null, signal: 'SIGSEGV' }, want: 'Crashed' },
    { name: 'exit code 1 is a crash', pod: { exitCode: 1 }, want: 'Crashed' },
    { name: 'no place to run is unschedulable', pod: { exitCode: null, node: null }, want: 'Unschedulable' },
    { name: 'exit code 127 is a missing program', pod: { exitCode: 127 }, want: 'ImageError' },
    {
      name: 'a policy server that crashed is down',
      pod: { exitCode: 1, container: 'policy-server' },
      want: 'DependencyDown',
    },
    {
      name: 'a policy server that was killed is down',
      pod: { exitCode: null, signal: 'SIGKILL', container: 'policy-server' },
      want: 'DependencyDown',
    },
    {
      name: 'a policy server that never answered is down',
      pod: { exitCode: null, container: 'policy-server' },
      want: 'DependencyDown',
    },
    {
      name: 'a policy server may report that memory ran out',
      pod: { exitCode: 71, container: 'policy-server' },
      want: 'OutOfMemory',
    },
  ])('$name', ({ pod, want }) => {
    expect(localOutcome(failed(pod), 4)).toMatchObject({
      kind: 'failed',
      failure: { class: want, attempt: 4, part: 0 },
    });
  });
});

test('the pod that failed first decides, not the one with the lowest number', () => {
  const later = { exitCode: 143, finishedAt: '2026-01-01T00:00:02.000Z' };
  expect(localOutcome(failed(later, { exitCode: 70 }), 0)).toMatchObject({ failure: { class: 'Diverged', part: 1 } });
});

test('of two ends in the same millisecond, a pod that was asked to end is not the cause', () => {
  expect(localOutcome(failed({ exitCode: 143 }, { exitCode: 70 }), 0)).toMatchObject({ failure: { part: 1 } });
});

test('a failure names the node that the pod ran on', () => {
  expect(localOutcome(failed({ node: 'box/gpu-3' }), 0)).toMatchObject({ failure: { node: 'box/gpu-3' } });
});

test('a fenced pod is no failure, because a later attempt owns the stage', () => {
  expect(localOutcome(failed({ exitCode: 1 }, { exitCode: 75 }), 0)).toEqual({ kind: 'stopped' });
});

test('the message of the program is kept, and a crash without one gets its exit code', () => {
  const said = (pod: Partial<PodState>) => {
    const outcome = localOutcome(failed(pod), 0);
    return outcome.kind === 'failed' ? outcome.failure.message : '';
  };
  expect(said({ exitCode: 65, message: 'data.search: no such file' })).toBe('data.search: no such file');
  expect(said({ exitCode: 1, message: 'TypeError: x' })).toBe('TypeError: x (the program ended with exit code 1)');
  expect(said({ exitCode: null, signal: 'SIGKILL' })).toContain('killed by SIGKILL');
});

test('a job that failed before any pod is a crash with its own message', () => {
  const observation: JobObservation = { ...failed(), message: 'its supervisor did not start' };
  expect(localOutcome(observation, 0)).toMatchObject({
    failure: { class: 'Crashed', message: 'its supervisor did not start', part: null },
  });
});

test('a succeeded job is completed, a stopped job is stopped, and a running job has no outcome', () => {
  expect(localOutcome({ ...failed(), phase: 'succeeded' }, 0)).toEqual({ kind: 'completed' });
  expect(localOutcome({ ...failed({ exitCode: 143 }), phase: 'stopped' }, 0)).toEqual({ kind: 'stopped' });
  expect(() => localOutcome({ ...failed(), phase: 'running' }, 0)).toThrow('demo-sft-0 to have ended');
});
