/**
 * Entry of every TypeScript stage program: `node stages/main.ts`, told everything by the environment (the pod contract).
 * The exit code says how it ended, the last line on stderr says so in words.
 */
import { writeSync } from 'node:fs';
import type { StageKind } from '../spec/stages/index.ts';
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

function end({ exitCode, words }: Ending): never {
  try {
    if (exitCode !== 0) writeSync(process.stderr.fd, `${words}\n`);
  } catch {
    // stderr is a file of the store that may be full: the exit code still says what happened.
  }
  process.exit(exitCode); // at once: a socket or child process that is left must not hold the pod
}

process.on('uncaughtException', (error) => end(endingOf(error)));
end(await runStage(findProgram));
