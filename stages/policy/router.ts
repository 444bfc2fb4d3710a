import type { Endpoint } from './endpoint.ts';

export interface Router<E> {
  /** The server for the next request of this affinity. */
  pick(affinity: string | undefined): E;
  /** The state of all servers together, in numbers. */
  state(): Record<string, number>;
}

/** Affinities to remember. Fewer are in flight at any time; a forgotten one gets a new server. */
const REMEMBERED = 8192;

type Routed = Pick<Endpoint, 'isUp'> & { readonly gate: Pick<Endpoint['gate'], 'limit' | 'inFlight' | 'waiting'> };

/**
 * Chooses among servers. Requests of one affinity (one problem) share the beginning of their prompts, so they stay with
 * the server that has it in its cache. They move when that server is down, or is full while another has capacity. A new
 * affinity goes to the server with the lowest load relative to its limit.
 */
export function createRouter<E extends Routed>(endpoints: readonly E[]): Router<E> {
  const homes = new Map<string, E>();

  function remember(affinity: string, home: E): void {
    homes.delete(affinity);
    homes.set(affinity, home);
    if (homes.size > REMEMBERED) homes.delete(homes.keys().next().value!);
  }
  return {
    pick(affinity) {
      const up = endpoints.filter(({ isUp }) => isUp);
      const usable = up.length > 0 ? up : endpoints;
      const least = usable.reduce((a, b) => (loadOf(b) < loadOf(a) ? b : a));
      if (affinity === undefined) return least;
      const home = homes.get(affinity);
      const stays = home !== undefined && usable.includes(home) && (hasCapacity(home) || !hasCapacity(least));
      const chosen = stays ? home : least;
      remember(affinity, chosen);
      return chosen;
    },
    state() {
      const sum = (of: (endpoint: E) => number) => endpoints.reduce((total, endpoint) => total + of(endpoint), 0);
      return {
        sequencesInFlight: sum(({ gate }) => gate.inFlight),
        sequencesWaiting: sum(({ gate }) => gate.waiting),
        sequencesLimit: sum(({ gate }) => gate.limit),
        serversUp: sum(({ isUp }) => (isUp ? 1 : 0)),
      };
    },
  };
}

const loadOf = ({ gate }: Routed): number => (gate.inFlight + gate.waiting) / gate.limit;
const hasCapacity = ({ gate }: Routed): boolean => gate.waiting === 0 && gate.inFlight < gate.limit;
