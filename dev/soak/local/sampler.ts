import type { Overlap, Sighting, Sightings } from '../checker/evidence.ts';
import { isAlive, type Process, processesWith } from './proc.ts';
import { executionOf, idOf, SOAK_MARK, ZOMBIE_MARK } from './programs.ts';

const LOOK_MS = 200;

/** Lists the processes of a soak several times a second until it is stopped. */
export function sampleProcesses(mark: string): { stop(): Promise<Sightings> } {
  const seen = new Map<string, Sighting>();
  const overlaps: Overlap[] = [];
  let [looks, longestGapMs, lastLook] = [0, 0, performance.now()];
  let stopped = false;

  async function look(): Promise<void> {
    const at = new Date().toISOString();
    const marked = (await processesWith(SOAK_MARK)).filter(({ environment }) => environment[SOAK_MARK] === mark);
    const now = marked.flatMap((process) => {
      const sighting = sightingOf(process, at, seen.get(idOf(process)));
      if (sighting === null) return [];
      seen.set(idOf(process), sighting);
      return [sighting];
    });
    for (const [why, one, other] of suspects(now)) {
      // Two processes that were seen at different times may never have overlapped. Two that are alive now do.
      if (!(await isAlive(one)) || !(await isAlive(other))) continue;
      if (!overlaps.some((known) => known.one.pid === one.pid && known.other.pid === other.pid))
        overlaps.push({ at, why, one, other });
    }
    longestGapMs = Math.max(longestGapMs, performance.now() - lastLook);
    [looks, lastLook] = [looks + 1, performance.now()];
  }
  const looking = (async () => {
    while (!stopped) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await looking;
      return { looks, longestGapMs: Math.round(longestGapMs), processes: [...seen.values()], overlaps };
    },
  };
}

function sightingOf(process: Process, at: string, before: Sighting | undefined): Sighting | null {
  if (before !== undefined) return { ...before, lastSeen: at };
  const execution = executionOf(process);
  if (execution === null) return null;
  const { pid, start, environment } = process;
  const zombie = environment[ZOMBIE_MARK] !== undefined;
  return { ...execution, pid, start, zombie, firstSeen: at, lastSeen: at };
}

/** Pairs that must not be alive together: two attempts of one stage, or two programs of one part. Pure. */
export function* suspects(now: readonly Sighting[]): Generator<[why: string, one: Sighting, other: Sighting]> {
  const ours = now.filter(({ zombie }) => !zombie);
  for (const [index, one] of ours.entries()) {
    for (const other of ours.slice(index + 1)) {
      if (one.key !== other.key) continue;
      if (one.attempt !== other.attempt)
        yield [`attempts ${one.attempt} and ${other.attempt} of one stage`, one, other];
      else if (one.role === 'main' && other.role === 'main' && one.part === other.part)
        yield [`two programs of part ${one.part} of one attempt`, one, other];
    }
  }
}
