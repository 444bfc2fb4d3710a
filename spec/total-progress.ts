import type { Progress } from './progress.ts';

/** Metrics that are added up over the pods. All other metrics are averaged. */
const SUMMED: ReadonlySet<string> = new Set([
  'trees',
  'tokensPerSecond',
  'promptTokens',
  'completionTokens',
  'gpuSeconds',
  'cost',
  'unjudged',
  'timedOut',
  'sequencesInFlight',
  'sequencesWaiting',
  'sequencesLimit',
  'serversUp',
]);

/** Total progress of several pods: sums of units and rates, sums or means of metrics. */
export function totalProgress(parts: readonly Progress[]): Progress | null {
  const [first] = parts;
  if (first === undefined) return null;
  const known = parts.every((part) => part.total !== null);
  const names = new Set(parts.flatMap((part) => Object.keys(part.metrics)));
  const metrics = Object.fromEntries(
    [...names].map((name) => {
      const values = parts.flatMap((part) => part.metrics[name] ?? []);
      const sum = values.reduce((total, value) => total + value, 0);
      return [name, SUMMED.has(name) ? sum : sum / values.length];
    }),
  );
  const rates = parts.flatMap((part) => part.rate ?? []);
  return {
    attempt: Math.max(...parts.map((part) => part.attempt)),
    unit: first.unit,
    done: parts.reduce((sum, part) => sum + part.done, 0),
    total: known ? parts.reduce((sum, part) => sum + (part.total ?? 0), 0) : null,
    rate: rates.length > 0 ? rates.reduce((sum, rate) => sum + rate, 0) : null,
    metrics,
    from: parts.reduce((sum, part) => sum + part.from, 0),
    beganAt: parts.flatMap((part) => part.beganAt ?? []).toSorted()[0] ?? null,
    savingSeconds: Math.max(...parts.map((part) => part.savingSeconds)),
    updatedAt:
      parts
        .map((part) => part.updatedAt)
        .toSorted()
        .at(-1) ?? first.updatedAt,
  };
}

/**
 * Progress of all pods of a stage; null when none has reported. Its total is null until every pod has reported.
 * @param reports - one per pod; null for a pod that has not reported
 */
export function progressOfAll(reports: readonly (Progress | null)[]): Progress | null {
  const present = reports.filter((report) => report !== null);
  const total = totalProgress(present);
  return total === null || present.length === reports.length ? total : { ...total, total: null };
}

/** Remaining seconds at the current rate; null when unknown. */
export function etaSeconds(progress: Progress): number | null {
  if (progress.total === null || !progress.rate) return null;
  return Math.max(0, progress.total - progress.done) / progress.rate;
}

/**
 * Live figures of a running search for a person: `412 trees`, `71 % solved`, `3 unjudged, 2 of them timed out`,
 * `8140 tokens/s`, `3.2 GPU-hours`, `cost 12.40`. Empty for other kinds of stage.
 */
export function describeSearchMetrics({ metrics }: Pick<Progress, 'metrics'>): string[] {
  const { trees, solved, unjudged = 0, timedOut = 0, tokensPerSecond, gpuSeconds, cost } = metrics;
  if (trees === undefined) return [];
  return [
    `${trees} trees`,
    ...(solved === undefined ? [] : [`${Math.round(100 * solved)} % solved`]),
    ...(unjudged === 0 ? [] : [`${unjudged} unjudged, ${timedOut} of them timed out`]),
    ...(tokensPerSecond === undefined ? [] : [`${Math.round(tokensPerSecond)} tokens/s`]),
    ...(gpuSeconds === undefined ? [] : [`${(gpuSeconds / 3600).toFixed(1)} GPU-hours`]),
    ...(cost === undefined ? [] : [`cost ${cost.toFixed(2)}`]),
  ];
}
