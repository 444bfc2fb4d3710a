import { describe, expect, test } from 'vitest';
import { jobName } from '../../activities/job-request.ts';
import { progressSchedule } from '../../activities/progress-schedule.ts';

const KEY = 'a'.repeat(64);

describe('the name of a job', () => {
  test('derives from campaign, stage, key and attempt', () => {
    expect(jobName('tiny', 'astro/sft', KEY, 3, 'token')).toBe('tiny-astro-sft-aaaaaaaa-3c469e-3');
  });

  test('is a DNS label, however long or odd the campaign is called', () => {
    const name = jobName(`Ünïted ${'x'.repeat(100)} / 7`, 'direct/evaluate-rl', KEY, 12, 'token');
    expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
    expect(name.length).toBeLessThanOrEqual(63);
    expect(name).toMatch(/-aaaaaaaa-3c469e-12$/);
  });

  test('differs by attempt, and by the claim behind it', () => {
    const names = [
      jobName('tiny', 'search', KEY, 0, 'a'),
      jobName('tiny', 'search', KEY, 1, 'a'),
      jobName('tiny', 'search', KEY, 0, 'b'),
    ];
    expect(new Set(names).size).toBe(3);
  });
});

describe('progress reports to the campaign', () => {
  const reportsWithin = (ms: number): number => {
    const due = progressSchedule();
    return Array.from({ length: ms / 1000 }, (_, second) => due(second * 1000)).filter(Boolean).length;
  };

  test('come soon at first', () => expect(reportsWithin(60_000)).toBe(5));

  test('are at most 60 in the first day, so that a stage of many days keeps a small history', () => {
    expect(reportsWithin(86_400_000)).toBeLessThanOrEqual(60);
  });
});
