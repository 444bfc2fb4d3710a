import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, EXIT } from '../config/command-errors.ts';
import { storePath } from '../config/paths.ts';
import { orreryCommand } from '../config/printed-commands.ts';
import { FILES } from '../spec/index.ts';
import { CorruptFileError, campaignDir, OtherVersionError, readPublished } from '../store/index.ts';

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

/**
 * The published report, as it was published.
 * @throws CommandError 65 when it, or the record of its publication, was changed since
 */
export async function readReport(campaignId: string): Promise<unknown> {
  const folder = campaignDir(storePath(), campaignId);
  try {
    const [, json] = await readPublished(folder, campaignId, [FILES.analyse.html, FILES.analyse.json]);
    return JSON.parse(String(json));
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
    throw new CommandError(
      EXIT.invalid,
      error.message,
      `publish it again: submit the campaign again under the id ${campaignId}; what is finished is not run again`,
    );
  }
}
