import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';
import { Published } from '../spec/manifest.ts';
import { checksumFault } from './canonical.ts';
import { isMissing, readText } from './files.ts';
import { publishedRecordPath } from './layout.ts';
import { asCorruptFile, CorruptFileError, OtherVersionError } from './manifests.ts';
import { readVerified } from './verify.ts';

/**
 * Reads published files of a campaign and verifies them.
 * @param folder - folder of the campaign
 * @throws CorruptFileError if a file or the record of the publication has changed; OtherVersionError if there is no
 *   record
 */
export async function readPublished(folder: string, campaignId: string, names: readonly string[]): Promise<Buffer[]> {
  const record = await readRecord(publishedRecordPath(folder));
  if (record.campaignId !== campaignId) {
    throw new CorruptFileError(
      `${folder}: expected the report of campaign ${campaignId}, but it belongs to campaign ${record.campaignId}`,
    );
  }
  return await Promise.all(names.map((name) => readVerified(folder, record, name)));
}

async function readRecord(path: string): Promise<Published> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    if (!isMissing(error)) throw asCorruptFile(error);
    throw new OtherVersionError(
      `${path} is missing, because an older version published this report; the report cannot be verified`,
    );
  }
  try {
    const value: unknown = JSON.parse(text);
    const fault = checksumFault(value);
    if (fault !== null) throw new CorruptFileError(`${path} is damaged: ${fault}`);
    return parseOrRefuse(Published, value, path);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof InvalidInputError) {
      throw new CorruptFileError(`${path} is damaged: ${error.message}`);
    }
    throw error;
  }
}
