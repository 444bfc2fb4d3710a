import { createReadStream, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { type Counts, planOf } from '../../planner/index.ts';
import type { CampaignSpec, ProblemFile } from '../../spec/index.ts';
import { architectureOf } from '../architecture.ts';
import { readCampaignFile } from '../campaign-file.ts';
import { EXIT, type ExitCode } from '../errors.ts';
import { finishWith } from '../exit.ts';
import { PROJECT } from '../paths.ts';
import { planLines } from '../plan-view.ts';

/** `plan`: what a campaign will need, before anything is started. */
export function addPlanCommand(program: Command): void {
  program
    .command('plan <file>')
    .description('forecast pods, GPUs, memory and time of every stage; 0 when all fits, 1 when something does not')
    .option('--json', 'answer as JSON')
    .action(finishWith(plan));
}

async function plan(file: string, options: { json?: true }): Promise<ExitCode> {
  // One plans before one has all of the data.
  const { spec } = await readCampaignFile(file, { dataFiles: 'optional' });
  const planned = planOf(spec, await architectureOf(spec), await countProblems(spec));
  console.log(options.json ? JSON.stringify(planned, null, 2) : planLines(planned, null).join('\n'));
  return planned.complaints.length === 0 ? EXIT.ok : EXIT.failed;
}

/** Problems of each set, where all of its files are there as JSONL. */
async function countProblems({ data }: CampaignSpec): Promise<Partial<Counts>> {
  if (data.type !== 'files') return {};
  const [search, curriculum, benchmark] = await Promise.all([
    linesOf(data.search),
    linesOf(data.curriculum),
    linesOf(data.benchmarks),
  ]);
  return {
    ...(search === null ? {} : { search }),
    ...(curriculum === null ? {} : { curriculum }),
    ...(benchmark === null ? {} : { benchmark }),
  };
}

async function linesOf(files: readonly ProblemFile[]): Promise<number | null> {
  const counts = await Promise.all(
    files.map(async ({ path, limit = Number.POSITIVE_INFINITY }) => {
      const absolute = resolve(PROJECT, path);
      if (!path.endsWith('.jsonl') || !statSync(absolute, { throwIfNoEntry: false })?.isFile()) return null;
      let lines = 0;
      for await (const line of createInterface({ input: createReadStream(absolute) }))
        if (line.trim() !== '') lines += 1;
      return Math.min(limit, lines);
    }),
  );
  if (counts.length === 0 || counts.includes(null)) return null;
  return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}
