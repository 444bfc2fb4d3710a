import { addAbortListener } from 'node:events';
import { PassThrough } from 'node:stream';
import { Exec, Log as PodLog } from '@kubernetes/client-node';
import pTimeout from 'p-timeout';
import type { Connection } from './connection.ts';
import { kubeError } from './errors.ts';
import { send, sendOrNull } from './request.ts';

export interface LogLimit {
  readonly tailLines: number;
  readonly limitBytes: number;
}

/** Requests for the output of containers, and for commands in them. */
export const podStreams = ({ config, core, namespace }: Connection) => ({
  /**
   * The end of the log of a container. Null if the pod does not exist, the container has not started, or its log is
   * gone.
   */
  async podLog(name: string, container: string, limit: LogLimit): Promise<string | null> {
    const read = () => core.readNamespacedPodLog({ namespace, name, container, ...limit });
    return await sendOrNull(`read the log of ${name}`, [400, 404], read);
  },

  /** The output of a container, from its beginning and live, until it ends or `signal` aborts. */
  async *followLog(name: string, container: string, signal: AbortSignal): AsyncGenerator<string> {
    const operation = `follow the log of ${name}`;
    const stream = new PassThrough();
    // The library does not handle errors of the response. An unhandled one would end the process when the connection
    // breaks.
    stream.once('pipe', (response) => response.once('error', (error) => stream.destroy(error)));
    const open = () => new PodLog(config).log(namespace, name, container, stream, { follow: true });
    const controller = await send(operation, open);
    using _ = addAbortListener(signal, () => {
      controller.abort();
      stream.end();
    });
    try {
      for await (const chunk of stream) yield String(chunk);
    } catch (error) {
      if (!signal.aborted) throw kubeError(operation, error);
    } finally {
      controller.abort();
    }
  },

  /**
   * Runs a command in a container. @returns its output. @throws KubeError if the worker may not do that, or after
   * `timeoutMs`
   */
  exec: async (name: string, container: string, command: string[], timeoutMs: number): Promise<string> =>
    await send(`exec in ${name}`, async () => {
      const output = new PassThrough();
      const chunks: string[] = [];
      output.on('data', (chunk: Buffer) => chunks.push(String(chunk)));
      const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
      const run = async (): Promise<string> => {
        const exec = new Exec(config);
        const socket = await exec.exec(namespace, name, container, command, output, output, null, false, () =>
          resolve(),
        );
        socket.on('error', reject);
        await ended;
        socket.close();
        return chunks.join('');
      };
      return await pTimeout(run(), { milliseconds: timeoutMs, message: `no answer within ${timeoutMs} ms` });
    }),
});
