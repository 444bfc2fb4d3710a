import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FILES } from '../spec/index.ts';
import { campaignDir } from '../store/index.ts';
import { orreryCommand } from './command-line.ts';
import { CommandError, EXIT } from './errors.ts';
import { storePath } from './paths.ts';

/** Paths of a campaign's report. */
export interface ReportPaths {
  readonly html: string;
  readonly json: string;
}

/** @throws CommandError 66 when the campaign has left none in the store */
export function findReport(campaignId: string): ReportPaths {
  const folder = campaignDir(storePath(), campaignId);
  const paths = { html: join(folder, FILES.analyse.html), json: join(folder, FILES.analyse.json) };
  if (existsSync(paths.json)) return paths;
  throw new CommandError(
    EXIT.missing,
    `there is no report of campaign ${campaignId} in ${storePath()}`,
    `see how far it is with \`${orreryCommand(`status ${campaignId}`)}\`; ORRERY_STORE names another store`,
  );
}

/** @throws CommandError 66 when the report is no JSON: it was cut short */
export function readReport({ json }: ReportPaths): unknown {
  try {
    return JSON.parse(readFileSync(json, 'utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CommandError(
      EXIT.missing,
      `${json} is no JSON: ${error.message}`,
      'submit the campaign again: its finished stages are reused, and the report is written anew',
    );
  }
}
