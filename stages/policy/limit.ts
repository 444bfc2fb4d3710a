/**
 * How many sequences one policy server is given at a time, found while it runs: additive increase and multiplicative decrease, as in TCP
 * (Chiu and Jain, 1989). The aim is a server whose batch is full, with a few sequences in its own queue for the moment at which one ends, and
 * the rest waiting here, where they are ordered and can go elsewhere. All numbers are *ours*.
 */
export interface Limit {
  /** Sequences in flight, at most. A single request may be larger: then it goes alone. */
  readonly sequences: number;
  /** Until the server is full for the first time the limit doubles; afterwards it grows by a little. */
  readonly starting: boolean;
  /** Fastest that was seen, in ms per completion token; null before the first. It is forgotten slowly: prompts grow. */
  readonly bestLatencyMs: number | null;
}

/** What is known of a server at the end of an interval. */
export interface Observation {
  /** `vllm:num_requests_running` and `_waiting`; null where the server does not tell. */
  readonly running: number | null;
  readonly waiting: number | null;
  /** Sequences of this client that are at the server. */
  readonly inFlight: number;
  /** Sequences of this client that the server ended in a second. */
  readonly endedPerSecond: number;
  /** Mean ms per completion token of the answers of the interval; null without any. */
  readonly latencyMs: number | null;
  /** Whether requests waited here for the limit. */
  readonly wanted: boolean;
  /** Whether the server refused for overload (429, 503) in the interval. */
  readonly overloaded: boolean;
}

export const FIRST_LIMIT: Limit = { sequences: 128, starting: true, bestLatencyMs: null };
/** Fewest sequences: one request of a search. */
const LEAST = 16;
/** Sequences in the server's queue that are welcome: as a share of those that it runs, and as many as end before a busy client gets to react. */
const WELCOME_QUEUE = 0.25;
const REACTION_SECONDS = 0.5;
/** Where the server does not tell its queue: slower than the best by this factor is a queue. */
const SLOW = 2;
const FORGETTING = 1.01;

/** The limit for the next interval. Pure. */
export function nextLimit(limit: Limit, seen: Observation): Limit {
  const best = bestOf(limit.bestLatencyMs, seen.latencyMs);
  const { sequences } = limit;
  if (seen.overloaded)
    return { sequences: Math.max(LEAST, Math.floor(sequences / 2)), starting: false, bestLatencyMs: best };
  const room = roomAt(seen, best);
  // While more are there than the limit lets in, it has fallen already, and that has not worked yet: answers may take minutes.
  if (room === 'too much' && seen.inFlight <= sequences) {
    return { sequences: Math.max(LEAST, Math.floor(sequences * 0.9)), starting: false, bestLatencyMs: best };
  }
  if (room !== 'room') return { sequences, starting: false, bestLatencyMs: best };
  // Room at the server is no reason for a higher limit where this one is not used up.
  if (!seen.wanted) return { ...limit, bestLatencyMs: best };
  const more = limit.starting ? sequences : Math.max(LEAST, Math.ceil(sequences * 0.05));
  return { sequences: sequences + more, starting: limit.starting, bestLatencyMs: best };
}

function roomAt(
  { running, waiting, latencyMs, endedPerSecond }: Observation,
  best: number | null,
): 'room' | 'enough' | 'too much' {
  if (running !== null && waiting !== null) {
    const reserve = endedPerSecond * REACTION_SECONDS;
    if (waiting < Math.max(1, reserve / 2)) return 'room';
    return waiting <= Math.max(LEAST, running * WELCOME_QUEUE, reserve) ? 'enough' : 'too much';
  }
  if (latencyMs === null || best === null) return 'enough';
  return latencyMs > best * SLOW ? 'too much' : 'room';
}

function bestOf(before: number | null, now: number | null): number | null {
  if (before === null || now === null) return before ?? now;
  return Math.min(before * FORGETTING, now);
}
