import { describe, expect, test } from 'vitest';
import { parseOrRefuse, SftConfig } from '../../spec/index.ts';

const checkpoints = (given: unknown) => parseOrRefuse(SftConfig, { checkpoints: given }, 'campaign.yaml').checkpoints;

describe('which checkpoints are kept', () => {
  test('unless it is said otherwise: the last two and the best', () => {
    expect(checkpoints({})).toEqual({ everySteps: 50, keep: { last: 2, best: 1 } });
  });

  test('what is set departs from that alone', () => {
    expect(checkpoints({ everySteps: 10, keep: { everySteps: 100 } })).toEqual({
      everySteps: 10,
      keep: { last: 2, best: 1, everySteps: 100 },
    });
  });

  test('those kept for good are among those saved', () => {
    expect(() => checkpoints({ everySteps: 20, keep: { everySteps: 50 } })).toThrow(
      /checkpoints\.keep\.everySteps.*expected a multiple of checkpoints\.everySteps/,
    );
  });

  test('the newest cannot be given up', () => {
    expect(() => checkpoints({ keep: { last: 0 } })).toThrow(/checkpoints\.keep\.last/);
  });

  test('a number, as it once was, is refused', () => {
    expect(() => checkpoints({ keep: 2 })).toThrow(/checkpoints\.keep/);
  });
});
