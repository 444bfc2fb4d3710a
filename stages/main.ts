/**
 * Entry point of every TypeScript stage program: `node stages/main.ts`. All input comes from the environment (the pod
 * contract of docs/architecture.md). The exit code says how the program ended; the last line on stderr explains it.
 *
 * To add a stage, write `stages/<kind>/program.ts` and add it to `PROGRAMS`.
 */
import { writeSync } from 'node:fs';
import type { StageKind } from '../spec/stages/kinds.ts';
import type { StageProgram } from './runtime/context.ts';
import { type Ending, endingOf, StageExit } from './runtime/exits.ts';
import { runStage } from './runtime/run.ts';

// @loads stages/{kind}/program.ts
const PROGRAMS: { readonly [K in StageKind]?: () => Promise<StageProgram<K>> } = {
  prepare: async () => (await import('./prepare/program.ts')).prepare,
  search: async () => (await import('./search/program.ts')).search,
  linearise: async () => (await import('./linearise/program.ts')).linearise,
  rewrite: async () => (await import('./rewrite/program.ts')).rewrite,
  curriculum: async () => (await import('./curriculum/program.ts')).curriculum,
  evaluate: async () => (await import('./evaluate/program.ts')).evaluate,
  analyse: async () => (await import('./analyse/program.ts')).analyse,
};

async function findProgram<K extends StageKind>(kind: K): Promise<StageProgram<K>> {
  const load = PROGRAMS[kind];
  if (load === undefined) {
    const known = Object.keys(PROGRAMS).join(', ');
    throw new StageExit('InvalidInput', `kind: expected one of ${known}, but got ${kind}, which is a Python trainer`);
  }
  return await load();
}

function end({ exitCode, message }: Ending): never {
  try {
    if (exitCode !== 0) writeSync(process.stderr.fd, `${message}\n`);
  } catch {
    // stderr is a file of the store, and its disk may be full. The exit code still says what happened.
  }
  process.exit(exitCode); // at once: an open socket or a child process must not keep the pod alive
}

process.on('uncaughtException', (error) => end(endingOf(error)));
end(await runStage(findProgram));
