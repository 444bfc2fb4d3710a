import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FIRST_LIMIT, type Limit, nextLimit, type Observation } from '../../stages/policy/concurrency-limit.ts';
import { readLoad } from '../../stages/policy/metrics.ts';

const seen = (change: Partial<Observation> = {}): Observation => ({
  running: 100,
  waiting: 0,
  inFlight: 100,
  endedPerSecond: 4,
  latencyMs: null,
  wanted: true,
  overloaded: false,
  ...change,
});
const at = (sequences: number, change: Partial<Limit> = {}): Limit => ({
  sequences,
  starting: false,
  bestLatencyMs: null,
  ...change,
});

describe('the limit of a server', () => {
  test.each([
    { name: 'doubles until the server is full for the first time', from: at(64, { starting: true }), to: 128 },
    { name: 'grows in small steps after that', from: at(400), to: 420 },
    { name: 'stays while a few requests wait at the server', from: at(400), given: { waiting: 20 }, to: 400 },
    { name: 'decreases by a tenth when many requests wait there', from: at(400), given: { waiting: 26 }, to: 360 },
    {
      name: 'does not decrease again before the last decrease has taken effect',
      from: at(400),
      given: { waiting: 90, inFlight: 420 },
      to: 400,
    },
    {
      name: 'allows a fast server a queue of half a second',
      from: at(400),
      given: { waiting: 480, endedPerSecond: 1000 },
      to: 400,
    },
    {
      name: 'grows when such a server has less than half of that queue',
      from: at(400),
      given: { waiting: 200, endedPerSecond: 1000 },
      to: 420,
    },
    { name: 'is halved by a refusal for overload', from: at(400), given: { overloaded: true }, to: 200 },
    { name: 'stays while it is not used up', from: at(400), given: { wanted: false }, to: 400 },
    { name: 'never goes below one request of a search', from: at(17), given: { waiting: 900, inFlight: 17 }, to: 16 },
    {
      name: 'decreases by latency when the server does not report its queue',
      from: at(400, { bestLatencyMs: 10 }),
      given: { running: null, waiting: null, latencyMs: 25 },
      to: 360,
    },
    {
      name: 'grows while such a server is as fast as before',
      from: at(400, { bestLatencyMs: 10 }),
      given: { running: null, waiting: null, latencyMs: 12 },
      to: 420,
    },
    {
      name: 'stays when nothing is known of the server',
      from: at(400),
      given: { running: null, waiting: null },
      to: 400,
    },
  ])('$name', ({ from, given = {}, to }) => expect(nextLimit(from, seen(given)).sequences).toBe(to));

  test('keeps a server busy whose answers take a hundred polls', () => {
    const [slots, polls] = [64, 100];
    let limit: Limit = FIRST_LIMIT;
    let inFlight: number[] = []; // polls that each sequence still takes, in the order of the server
    for (let poll = 0; poll < 1000; poll += 1) {
      while (inFlight.length < limit.sequences) inFlight.push(1 + ((poll * 7 + inFlight.length * 13) % polls));
      const running = Math.min(slots, inFlight.length);
      inFlight = inFlight.map((left, place) => (place < slots ? left - 1 : left)).filter((left) => left > 0);
      const waiting = Math.max(0, inFlight.length - slots);
      limit = nextLimit(limit, seen({ running, waiting, inFlight: inFlight.length, endedPerSecond: 1 }));
      expect(running).toBeGreaterThanOrEqual(poll === 0 ? 0 : 0.95 * slots);
      expect(limit.sequences).toBeLessThan(slots * 2.5);
    }
  });

  test('fills a server of any size and leaves only a few requests waiting there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 32, max: 4096 }), (slots) => {
        let limit = FIRST_LIMIT;
        for (let interval = 0; interval < 60; interval += 1) {
          const [running, waiting] = [Math.min(slots, limit.sequences), Math.max(0, limit.sequences - slots)];
          limit = nextLimit(limit, seen({ running, waiting, inFlight: limit.sequences }));
        }
        expect(limit.sequences).toBeGreaterThan(0.9 * slots);
        expect(limit.sequences).toBeLessThan(slots * 1.4 + 16);
      }),
    );
  });
});

describe('the load of a server', () => {
  test('is read from vLLM’s gauges, summed over several engines', () => {
    const text = `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a} b"} 12.0
vllm:num_requests_running{engine="1",model_name="a} b"} 3.0
vllm:num_requests_waiting{engine="0",model_name="a} b"} 7.0
vllm:num_requests_waiting_by_reason{reason="capacity"} 99.0
`;
    expect(readLoad(text)).toEqual({ running: 15, waiting: 7 });
  });

  test('is null for a server without such gauges', () => expect(readLoad('up 1\n')).toBeNull());
});
