/**
 * How many sequences one policy server gets at a time. The limit is found while the server runs, by additive increase
 * and multiplicative decrease as in TCP (Chiu and Jain, 1989). The server should have a full batch, and a few sequences
 * in its queue, so that one starts as soon as another ends. All others wait in this client, which orders them and can
 * send them to another server. All numbers are *ours*.
 */
export interface Limit {
  /** Most sequences in flight. A single request may be larger; then it runs alone. */
  readonly sequences: number;
  /** The limit doubles until the server is full for the first time. Afterwards it grows in small steps. */
  readonly starting: boolean;
  /** Best latency so far, in ms per completion token; null at first. It is forgotten slowly, because prompts grow. */
  readonly bestLatencyMs: number | null;
}

/** What is known of a server at the end of an interval. */
export interface Observation {
  /** `vllm:num_requests_running` and `_waiting`; null when the server does not report them. */
  readonly running: number | null;
  readonly waiting: number | null;
  /** Sequences of this client that are at the server. */
  readonly inFlight: number;
  /** Sequences of this client that ended per second. */
  readonly endedPerSecond: number;
  /** Mean ms per completion token over the answers of the interval; null without answers. */
  readonly latencyMs: number | null;
  /** Whether requests waited here for the limit. */
  readonly wanted: boolean;
  /** Whether the server refused a request for overload (429, 503) in the interval. */
  readonly overloaded: boolean;
}

export const FIRST_LIMIT: Limit = { sequences: 128, starting: true, bestLatencyMs: null };
/** Lowest limit: one request of a search. */
const MIN_SEQUENCES = 16;
/**
 * Target length of the server's queue: a share of the running sequences, and at least as many as end before a busy
 * client can react.
 */
const TARGET_QUEUE_SHARE = 0.25;
const REACTION_SECONDS = 0.5;
/** When the server does not report its queue, a latency above the best by this factor means that there is one. */
const SLOW_FACTOR = 2;
const LATENCY_DECAY = 1.01;

/** The limit for the next interval. Pure. */
export function nextLimit(limit: Limit, seen: Observation): Limit {
  const best = bestOf(limit.bestLatencyMs, seen.latencyMs);
  const { sequences } = limit;
  if (seen.overloaded)
    return { sequences: Math.max(MIN_SEQUENCES, Math.floor(sequences / 2)), starting: false, bestLatencyMs: best };
  const load = loadLevel(seen, best);
  // While more sequences are in flight than the limit allows, an earlier decrease has not taken effect yet: answers may
  // take minutes.
  if (load === 'high' && seen.inFlight <= sequences) {
    return { sequences: Math.max(MIN_SEQUENCES, Math.floor(sequences * 0.9)), starting: false, bestLatencyMs: best };
  }
  if (load !== 'low') return { sequences, starting: false, bestLatencyMs: best };
  // A limit that is not used up does not need to grow.
  if (!seen.wanted) return { ...limit, bestLatencyMs: best };
  const more = limit.starting ? sequences : Math.max(MIN_SEQUENCES, Math.ceil(sequences * 0.05));
  return { sequences: sequences + more, starting: limit.starting, bestLatencyMs: best };
}

function loadLevel(
  { running, waiting, latencyMs, endedPerSecond }: Observation,
  best: number | null,
): 'low' | 'right' | 'high' {
  if (running !== null && waiting !== null) {
    const reserve = endedPerSecond * REACTION_SECONDS;
    if (waiting < Math.max(1, reserve / 2)) return 'low';
    return waiting <= Math.max(MIN_SEQUENCES, running * TARGET_QUEUE_SHARE, reserve) ? 'right' : 'high';
  }
  if (latencyMs === null || best === null) return 'right';
  return latencyMs > best * SLOW_FACTOR ? 'high' : 'low';
}

function bestOf(before: number | null, now: number | null): number | null {
  if (before === null || now === null) return before ?? now;
  return Math.min(before * LATENCY_DECAY, now);
}
