import { describe, expect, test } from 'vitest';
import { parseOrRefuse, SftConfig } from '../../spec/index.ts';

const checkpoints = (given: unknown) => parseOrRefuse(SftConfig, { checkpoints: given }, 'campaign.yaml').checkpoints;

describe('the checkpoints to keep', () => {
  test('are the last two and the best by default', () => {
    expect(checkpoints({})).toEqual({ everySteps: 50, keep: { last: 2, best: 1 } });
  });

  test('keep their other defaults when one setting is given', () => {
    expect(checkpoints({ everySteps: 10, keep: { everySteps: 100 } })).toEqual({
      everySteps: 10,
      keep: { last: 2, best: 1, everySteps: 100 },
    });
  });

  test('include permanent ones only at steps that save a checkpoint', () => {
    expect(() => checkpoints({ everySteps: 20, keep: { everySteps: 50 } })).toThrow(
      /checkpoints\.keep\.everySteps.*expected a multiple of checkpoints\.everySteps/,
    );
  });

  test('always include the newest', () => {
    expect(() => checkpoints({ keep: { last: 0 } })).toThrow(/checkpoints\.keep\.last/);
  });

  test('are not given as a single number, as in older versions', () => {
    expect(() => checkpoints({ keep: 2 })).toThrow(/checkpoints\.keep/);
  });
});
