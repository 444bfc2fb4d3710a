import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';
import { Published } from '../spec/manifest.ts';
import { checksumFault } from './canonical.ts';
import { isMissing, readText } from './files.ts';
import { publishedRecordPath } from './layout.ts';
import { asDamage, CorruptFileError, OtherVersionError } from './manifests.ts';
import { readVerified } from './verify.ts';

/**
 * Reads published files of a campaign, as they were published.
 * @param folder - of the campaign
 * @throws CorruptFileError when one of them, or the record of the publication, was changed since; OtherVersionError when there is no record
 */
export async function readPublished(folder: string, campaignId: string, names: readonly string[]): Promise<Buffer[]> {
  const record = await readRecord(publishedRecordPath(folder));
  if (record.campaignId !== campaignId) {
    throw new CorruptFileError(
      `${folder}: expected what campaign ${campaignId} published, but it is of ${record.campaignId}`,
    );
  }
  return await Promise.all(names.map((name) => readVerified(folder, record, name)));
}

async function readRecord(path: string): Promise<Published> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    if (!isMissing(error)) throw asDamage(error);
    throw new OtherVersionError(
      `${path} is not there: an older version published this report, and it cannot be verified`,
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    const fault = checksumFault(value);
    if (fault !== null) throw new CorruptFileError(`${path} does not hold: ${fault}`);
    return parseOrRefuse(Published, value, path);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof InvalidInputError) {
      throw new CorruptFileError(`${path} does not hold: ${error.message}`);
    }
    throw error;
  }
}
