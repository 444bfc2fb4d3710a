import { EXIT, type ExitCode } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import { viewCampaign } from '../campaigns.ts';
import { campaignLines } from '../view.ts';

/** `status`: the state of a campaign and its stages, once. */
export async function status(id: string, { json }: { json?: true }): Promise<ExitCode> {
  const view = await withClient((client) => viewCampaign(client, id));
  console.log(json ? JSON.stringify(view, null, 2) : campaignLines(view, Date.now()).join('\n'));
  return EXIT.ok;
}
