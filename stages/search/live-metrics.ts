import { type Moment, rateOf, withMoment } from '../runtime/progress.ts';
import { addCosts, type Cost, NO_COST } from './cost.ts';

/** Live numbers of a search: `progress.metrics`. */
export interface LiveSearch {
  /** Counts an answer, either a new one or one from the journal of an earlier execution. */
  answered(cost: Cost, isNew: boolean): void;
  /** Counts a finished tree. */
  finished(solved: boolean): void;
  metrics(): Record<string, number>;
}

/** Shortest time between two samples of the token rate. */
const SAMPLE_MS = 500;

/**
 * Live numbers of a search: trees, the solved share, tokens and their rate, GPU-seconds, and the cost if a price is
 * known.
 * @param pod - GPUs of the pod, the price of one per hour, and further numbers (the state of the policy driver)
 * @param now - monotonic clock in ms
 */
export function liveSearch(
  pod: { readonly gpus: number; readonly pricePerGpuHour?: number | undefined; readonly driver: () => object },
  now: () => number = () => performance.now(),
): LiveSearch {
  const beganAt = now();
  let [trees, solved] = [0, 0];
  let [all, tokensHere] = [NO_COST, 0];
  let moments: Moment[] = [{ atMs: beganAt, done: 0 }];
  return {
    answered(cost, isNew) {
      all = addCosts(all, cost);
      if (!isNew) return;
      tokensHere += cost.completionTokens;
      if (now() - moments.at(-1)!.atMs >= SAMPLE_MS) moments = withMoment(moments, { atMs: now(), done: tokensHere });
    },
    finished(isSolved) {
      trees += 1;
      solved += isSolved ? 1 : 0;
    },
    metrics() {
      const gpuSeconds = (pod.gpus * (now() - beganAt)) / 1000;
      const tokensPerSecond = rateOf(withMoment(moments, { atMs: now(), done: tokensHere })) ?? 0;
      return {
        trees,
        ...(trees > 0 && { solved: solved / trees }),
        tokensPerSecond,
        unjudged: all.unjudged + all.unjudgedTerminals,
        timedOut: all.timedOut,
        promptTokens: all.promptTokens,
        completionTokens: all.completionTokens,
        ...(pod.gpus > 0 && { gpuSeconds }),
        ...(pod.pricePerGpuHour !== undefined && { cost: (gpuSeconds / 3600) * pod.pricePerGpuHour }),
        ...pod.driver(),
      };
    },
  };
}
