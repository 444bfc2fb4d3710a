import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, extname, relative } from 'node:path';
import { z } from 'zod';
import { EXIT, type ExitCode, parseOption } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import { inOrrery } from '../../config/paths.ts';
import { orreryCommand } from '../../config/printed-commands.ts';
import { type CampaignSpec, UNTIL } from '../../spec/index.ts';
import { readCampaignFile } from '../campaign-file.ts';
import { campaignIdFor, startCommands, submitCampaign } from '../submit.ts';

/** `submit`: starts a campaign. */
export async function submit(
  file: string,
  options: { id?: string; until?: string; wait?: true; print?: true; json?: true },
): Promise<ExitCode> {
  const campaign = await readCampaignFile(file, { until: untilOf(options.until) });
  const id = campaignIdFor(campaign, options.id);
  if (options.print) {
    const isUsableInput = options.until === undefined && extname(file) === '.json';
    const commands = startCommands(id, isUsableInput ? file : jsonCopy(id, campaign.input));
    console.log(options.json ? JSON.stringify({ id, commands }) : commands.join('\n'));
    return EXIT.ok;
  }
  return withClient(async (client) => {
    await submitCampaign(client, id, campaign);
    if (options.wait) {
      const { watchToTheEnd } = await import('./watch.ts');
      return watchToTheEnd(client, id);
    }
    console.log(
      options.json
        ? JSON.stringify({ id })
        : `campaign ${id} has started; see it with \`${orreryCommand(`watch ${id}`)}\``,
    );
    return EXIT.ok;
  });
}

/** @throws CommandError 2 when a campaign cannot end after this stage */
const untilOf = (stage: string | undefined): CampaignSpec['until'] =>
  stage === undefined ? undefined : parseOption(z.enum(UNTIL), stage, '--until');

/** Writes the spec as a JSON file under .orrery/, because `temporal` and `tctl` read only JSON. Returns its path. */
function jsonCopy(id: string, input: unknown): string {
  const copy = inOrrery('specs', `${id}.json`);
  mkdirSync(dirname(copy), { recursive: true });
  writeFileSync(copy, `${JSON.stringify(input, null, 2)}\n`);
  return relative(process.cwd(), copy);
}
