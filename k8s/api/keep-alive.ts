import { isDeepStrictEqual } from 'node:util';
import { KubeConfig, type RequestContext } from '@kubernetes/client-node';

type Dispatcher = NonNullable<ReturnType<RequestContext['getDispatcher']>>;
type DispatcherOptions = ReturnType<KubeConfig['createDispatcherOptions']>;

/** What a connection is opened with. A request with anything else gets another connection. */
interface Identity {
  readonly options: DispatcherOptions;
  readonly authorization: string | undefined;
}

/** Time until TCP tests an idle connection. As the client library, below the idle limits of common load balancers. */
const TCP_KEEP_ALIVE_MS = 30_000;

/**
 * A kubeconfig whose requests, watches and log streams share a pool of connections. The library alone makes a pool, and
 * so a TLS handshake, for every request.
 *
 * The library reads certificates and credentials again before each request. As soon as one of them differs, a new pool
 * replaces the old one. Requests that have the old pool finish on it. Idle connections of a pool close after 4 s. API
 * servers and load balancers close them later, so a request hardly ever meets a connection that is being closed.
 */
export class KeepAliveConfig extends KubeConfig implements AsyncDisposable {
  #options: DispatcherOptions = { type: 'none' };
  #pool: { readonly dispatcher: Dispatcher; readonly identity: Identity } | null = null;
  #isClosed = false;

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    const setDispatcher = context.setDispatcher.bind(context);
    // The library calls this directly after `createDispatcherOptions`, without a wait in between.
    context.setDispatcher = (made: Dispatcher) => {
      setDispatcher(this.#shared(made, { options: this.#options, authorization: context.getHeaders().Authorization }));
    };
    await super.applySecurityAuthentication(context);
  }

  /**
   * HTTP/1.1 only. HTTP/2 would carry all requests and watches over one connection: a slow reader of a log would slow
   * down the others, and a connection that breaks silently would fail every request until TCP gives up. With HTTP/1.1
   * each watch has its own connection, and a connection that does not answer fails one request.
   */
  override createDispatcherOptions(...args: Parameters<KubeConfig['createDispatcherOptions']>): DispatcherOptions {
    const made = super.createDispatcherOptions(...args);
    const options: DispatcherOptions =
      // Without settings of its own it would share the pool of the whole process.
      made.type === 'none'
        ? { type: 'agent', connect: { keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS } }
        : made;
    Object.assign(options.type === 'agent' ? options.connect : options.requestTls, { allowH2: false });
    this.#options = options;
    return options;
  }

  /** The current pool; `made` becomes the current one if that was opened with anything else. */
  #shared(made: Dispatcher, identity: Identity): Dispatcher {
    if (this.#isClosed) return made;
    if (!isDeepStrictEqual(this.#pool?.identity, identity)) this.#pool = { dispatcher: made, identity };
    return this.#pool?.dispatcher ?? made;
  }

  /** Closes idle connections at once, and the others after their requests. Later requests share no connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const pool = this.#pool;
    this.#pool = null;
    await pool?.dispatcher.close();
  }
}
