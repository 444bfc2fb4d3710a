import { setTimeout as sleep } from 'node:timers/promises';
import { isFree } from '../ports.ts';
import { sleepUnderLoad } from './time-limit.ts';

const CHECK_EVERY_MS = 20;

/** The used fields of a message of the Chrome DevTools protocol. */
interface Message {
  readonly method?: string;
  readonly params?: {
    /** Of a parsed script. */
    readonly scriptId?: string;
    readonly url?: string;
    /** Of a pause, innermost frame first. Lines and columns count from 0. */
    readonly callFrames?: readonly Frame[];
  };
}

interface Frame {
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
}

/**
 * The JavaScript stack of a Node program, taken by its debugger. The program is paused for a moment, continues, and
 * closes its debugger again. The debugger has its own thread, so it answers even during an endless loop.
 * @param url - printed by the program when its debugger opened
 * @returns one line per frame, innermost first; null if the program does not pause in time, because it then runs no
 *   JavaScript
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
    resolve((params.callFrames ?? []).map((frame) => describeFrame(frame, scripts)));
    // The debugger closes when this connection ends.
    send('Runtime.evaluate', { expression: "require('node:inspector').close()", includeCommandLineAPI: true });
    send('Debugger.resume');
  });
  socket.addEventListener('error', () => resolve(null));
  socket.addEventListener('close', () => resolve(null));
  const over = new AbortController();
  void sleepUnderLoad(timeoutMs, over.signal).then(() => resolve(null));
  try {
    const frames = await promise;
    socket.close();
    if (frames !== null) await untilClosed(Number(new URL(url).port), timeoutMs);
    return frames;
  } finally {
    over.abort();
  }
}

/** Waits until the debugger is closed. Otherwise the next diagnosis could not open it. */
async function untilClosed(port: number, timeoutMs: number): Promise<void> {
  for (let left = timeoutMs; left > 0 && !(await isFree(port)); left -= CHECK_EVERY_MS) await sleep(CHECK_EVERY_MS);
}

const describeFrame = (
  { functionName, location: { scriptId, lineNumber, columnNumber = 0 } }: Frame,
  scripts: ReadonlyMap<string, string>,
): string => `${functionName || '(anonymous)'} (${scripts.get(scriptId)}:${lineNumber + 1}:${columnNumber + 1})`;
