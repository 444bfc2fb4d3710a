import type { Endpoint } from './endpoint.ts';

export interface Router<E> {
  /** Where the next request of this affinity goes. */
  pick(affinity: string | undefined): E;
  /** What the servers are at together, in numbers. */
  state(): Record<string, number>;
}

/** Affinities that are remembered. More are in flight nowhere; an older one is given a server anew. */
const REMEMBERED = 8192;

type Routed = Pick<Endpoint, 'isUp'> & { readonly gate: Pick<Endpoint['gate'], 'limit' | 'inFlight' | 'waiting'> };

/**
 * Chooses among servers. Requests of one affinity (one problem) share the beginning of their prompts, so they stay where its cache is, unless
 * that server is down, or would have them wait while another has room. What is new goes where the load is least for what a server takes.
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
      const stays = home !== undefined && usable.includes(home) && (hasRoom(home) || !hasRoom(least));
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
const hasRoom = ({ gate }: Routed): boolean => gate.waiting === 0 && gate.inFlight < gate.limit;
