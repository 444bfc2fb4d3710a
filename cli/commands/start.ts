import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, extname, relative } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { EXIT, type ExitCode, parseOption } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import { finishWith } from '../../config/exit.ts';
import { inOrrery } from '../../config/paths.ts';
import { orreryCommand } from '../../config/printed-commands.ts';
import { CampaignSpec, planCampaign, UNTIL } from '../../spec/index.ts';
import { InvalidCampaignFile, readCampaignFile } from '../campaign-file.ts';
import { campaignIdFor, startCommands, submitCampaign } from '../submit.ts';
import { exitCodeOf } from '../watch.ts';
import { watchUntilInterrupted } from './inspect.ts';

/** `submit`, `validate` and `schema`: commands that take a campaign file. */
export function addStartCommands(program: Command): void {
  program
    .command('submit <file>')
    .description('start a campaign from a YAML or JSON file')
    .option('--id <id>', 'workflow id (default: the name in the file)')
    .option('--until <stage>', `end every arm after this stage: ${UNTIL.join(', ')} (default: what the file says)`)
    .option('--wait', 'watch the campaign until it ends')
    .option('--print', 'start nothing; print the temporal and tctl commands that start the campaign')
    .option('--json', 'answer as JSON')
    .action(finishWith(submit));
  program
    .command('validate <file>')
    .description('check a campaign file, and list every bad field with its line')
    .option('--json', 'answer as JSON')
    .action(finishWith(validate));
  program
    .command('schema')
    .description('print the JSON Schema of campaign files, for editors')
    .action(
      finishWith(async () => {
        console.log(JSON.stringify(z.toJSONSchema(CampaignSpec, { io: 'input' }), null, 2));
        return EXIT.ok;
      }),
    );
}

async function submit(
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
    if (options.wait) return exitCodeOf(await watchUntilInterrupted(client, id));
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

async function validate(file: string, options: { json?: true }): Promise<ExitCode> {
  try {
    const { spec } = await readCampaignFile(file);
    const stages = planCampaign(spec).map(({ name }) => name);
    console.log(
      options.json
        ? JSON.stringify({ valid: true, name: spec.name, stages })
        : `${file} is valid: campaign ${spec.name}, ${stages.length} stages, arms ${spec.arms.map(({ name }) => name).join(', ')}`,
    );
    return EXIT.ok;
  } catch (error) {
    if (!options.json || !(error instanceof InvalidCampaignFile)) throw error;
    console.log(JSON.stringify({ valid: false, complaints: error.complaints }, null, 2));
    return EXIT.invalid;
  }
}
