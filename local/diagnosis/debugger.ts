import { setTimeout as sleep } from 'node:timers/promises';
import { isFree } from '../ports.ts';
import { patience } from './patience.ts';

const LOOK_EVERY_MS = 20;

/** A message of the Chrome DevTools protocol, as far as it is used. */
interface Message {
  readonly method?: string;
  readonly params?: {
    /** Of a script that is told of. */
    readonly scriptId?: string;
    readonly url?: string;
    /** Of a stop, innermost first. Lines and columns count from 0. */
    readonly callFrames?: readonly Frame[];
  };
}

interface Frame {
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
}

/**
 * Where the JavaScript of a Node program is, told by its debugger: the program is stopped for a moment, goes on, and closes its debugger
 * again. Its debugger has a thread of its own, so it answers while JavaScript runs without end.
 * @param url - what the program printed when its debugger opened
 * @returns one line a frame, innermost first; null when it does not stop in time: then it runs no JavaScript
 */
export async function jsFramesOf(url: string, timeoutMs: number): Promise<readonly string[] | null> {
  const { promise, resolve } = Promise.withResolvers<readonly string[] | null>();
  const socket = new WebSocket(url);
  const scripts = new Map<string, string>();
  let sent = 0;
  const send = (method: string, params: object = {}): void => {
    sent += 1;
    socket.send(JSON.stringify({ id: sent, method, params }));
  };
  socket.addEventListener('open', () => {
    send('Debugger.enable');
    send('Debugger.pause');
  });
  socket.addEventListener('message', ({ data }) => {
    const { method, params = {} } = JSON.parse(String(data)) as Message;
    if (method === 'Debugger.scriptParsed') scripts.set(params.scriptId ?? '', params.url ?? '');
    if (method !== 'Debugger.paused') return;
    resolve((params.callFrames ?? []).map((frame) => frameInWords(frame, scripts)));
    // It takes effect once we have hung up.
    send('Runtime.evaluate', { expression: "require('node:inspector').close()", includeCommandLineAPI: true });
    send('Debugger.resume');
  });
  socket.addEventListener('error', () => resolve(null));
  socket.addEventListener('close', () => resolve(null));
  const over = new AbortController();
  void patience(timeoutMs, over.signal).then(() => resolve(null));
  try {
    const frames = await promise;
    socket.close();
    if (frames !== null) await untilClosed(Number(new URL(url).port), timeoutMs);
    return frames;
  } finally {
    over.abort();
  }
}

/** A program that is slow to close its debugger would not open it for the next diagnosis. */
async function untilClosed(port: number, timeoutMs: number): Promise<void> {
  for (let left = timeoutMs; left > 0 && !(await isFree(port)); left -= LOOK_EVERY_MS) await sleep(LOOK_EVERY_MS);
}

const frameInWords = (
  { functionName, location: { scriptId, lineNumber, columnNumber = 0 } }: Frame,
  scripts: ReadonlyMap<string, string>,
): string => `${functionName || '(anonymous)'} (${scripts.get(scriptId)}:${lineNumber + 1}:${columnNumber + 1})`;
