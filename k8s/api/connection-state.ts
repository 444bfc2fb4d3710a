import type { KubeError } from './errors.ts';
import type { Watched } from './lists.ts';
import type { Log } from './log.ts';

/** After an outage kubelets and controllers catch up. A kubelet reports at least every 10 s. *Ours*. */
const SETTLING_MS = 20_000;

/** Whether the watches are open, and since when. */
export class ConnectionState {
  readonly #log: Log;
  readonly #live = new Map<Watched, boolean>();
  readonly #started = Promise.withResolvers<void>();
  /** When the last outage ended, ms since the epoch. */
  #backAt = Number.NEGATIVE_INFINITY;
  /** The trouble that was logged last, so that it is logged once. */
  #reported = '';

  constructor(log: Log) {
    this.#log = log;
  }

  /** Resolves once Jobs and pods have been listed for the first time. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Whether the cache of Jobs and pods is up to date. */
  isLive(): boolean {
    return this.#live.get('jobs') === true && this.#live.get('pods') === true;
  }

  /** Whether the cache has been up to date for long enough that kubelets and controllers have reported everything. */
  isSettled(): boolean {
    return this.isLive() && Date.now() - this.#backAt >= SETTLING_MS;
  }

  setLive(watch: Watched, isLive: boolean): void {
    const isBack = isLive && this.#live.get(watch) === false;
    if (isBack) this.#log.info({ watch }, 'API server reachable again');
    if (isBack && watch !== 'events') this.#backAt = Date.now();
    this.#live.set(watch, isLive);
    if (isLive) this.#reported = '';
    if (this.isLive()) this.#started.resolve();
  }

  reportTrouble(watch: Watched, { message }: KubeError): void {
    if (this.#reported === message) return;
    this.#reported = message;
    this.#log.warn({ watch, error: message }, 'cannot watch the cluster: jobs keep their last observed state');
  }
}
