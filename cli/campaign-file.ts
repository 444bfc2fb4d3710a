import { CommandError, EXIT } from '../config/command-errors.ts';
import { PROJECT, storePath } from '../config/paths.ts';
import { domainComplaints } from '../domains/domain.ts';
import {
  describeReadError,
  inputComplaints,
  inputRules,
  type LineComplaint,
  readBounded,
  readYaml,
} from '../inputs/index.ts';
import { ENGINES, unsupportedIn } from '../planner/index.ts';
import {
  type CampaignSpec,
  type Complaint,
  InvalidInputError,
  omittedLines,
  parseCampaignSpec,
} from '../spec/index.ts';
import { architectureOf } from './architecture.ts';

/** A valid campaign file. */
export interface CampaignFile {
  /** The file as a person wrote it. This is the input of the workflow. */
  readonly input: Record<string, unknown>;
  /** With every default filled in. */
  readonly spec: CampaignSpec;
}

export interface ReadOptions {
  /** Whether the problem files must exist already. */
  readonly dataFiles?: 'needed' | 'optional';
  /**
   * Whether the programs of this version must be able to run the campaign. Commands that only compute or print do not
   * need this.
   */
  readonly engines?: 'needed' | 'optional';
  /** The stage after which the campaign ends. It overrides the file. */
  readonly until?: CampaignSpec['until'];
}

/**
 * A campaign file that is not valid. The message lists every bad field as
 * `file:line: field: expected ..., but got ...`.
 */
export class InvalidCampaignFile extends CommandError {
  readonly complaints: readonly LineComplaint[];
  /** @param omitted - number of complaints that were dropped earlier */
  constructor(file: string, complaints: readonly LineComplaint[], omitted = 0) {
    const bounded = new InvalidInputError(file, complaints);
    const shown = bounded.complaints.map((complaint, index) => ({ ...complaint, line: complaints[index]?.line ?? 1 }));
    const lines = shown.map((complaint) => `${file}:${complaint.line}: ${describeComplaint(complaint)}`);
    super(EXIT.invalid, [...lines, ...omittedLines(bounded.omitted + omitted)].join('\n'));
    this.complaints = shown;
  }
}

const describeComplaint = ({ field, message }: Complaint): string => (field === '' ? message : `${field}: ${message}`);

/**
 * Reads a campaign from YAML or JSON. Runs the same checks as the workflow, and those of the domain's own settings.
 * @throws InvalidCampaignFile 65, which lists every bad field with its line; CommandError 66 when the file does not
 *   exist
 */
export async function readCampaignFile(file: string, options: ReadOptions = {}): Promise<CampaignFile> {
  let content: Uint8Array;
  try {
    content = readBounded(file);
  } catch (error) {
    throw new CommandError(EXIT.missing, `${file} cannot be read: ${describeReadError(error)}`, undefined, {
      cause: error,
    });
  }
  return parseCampaign(content, file, options);
}

/** Like {@link readCampaignFile}, but takes the content. Messages name it `file`. */
export async function parseCampaign(
  content: Uint8Array | string,
  file: string,
  options: ReadOptions = {},
): Promise<CampaignFile> {
  const yaml = readYaml(content);
  if (yaml.kind === 'refused') throw new InvalidCampaignFile(file, yaml.complaints);
  const ends = options.until === undefined ? {} : { until: options.until };
  const { spec, complaints, omitted } = await checked(yaml.value, ends, options);
  if (spec === null || complaints.length > 0) {
    throw new InvalidCampaignFile(
      file,
      complaints.map((complaint) => ({ ...complaint, line: yaml.lineOf(complaint.field) })),
      omitted,
    );
  }
  return { input: { ...(yaml.value as Record<string, unknown>), ...ends }, spec };
}

/** Collects all complaints in one pass. The domain checks its settings even when other fields are wrong. */
async function checked(
  value: unknown,
  ends: Pick<CampaignSpec, 'until'>,
  { dataFiles = 'needed', engines = 'needed' }: ReadOptions,
): Promise<{ spec: CampaignSpec | null; complaints: Complaint[]; omitted: number }> {
  let spec: CampaignSpec;
  try {
    spec = { ...parseCampaignSpec(value, 'the campaign'), ...ends };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return {
      spec: null,
      complaints: [...error.complaints, ...(await domainComplaints(value))],
      omitted: error.omitted,
    };
  }
  return {
    spec,
    omitted: 0,
    complaints: [
      ...(await domainComplaints(spec)),
      ...(engines === 'needed' ? unsupportedIn(spec, ENGINES, await architectureOf(spec).catch(() => null)) : []),
      ...(dataFiles === 'needed' ? await fileComplaints(spec) : []),
    ],
  };
}

/** Complaints about problem files that a worker with this environment would refuse. */
const fileComplaints = ({ data }: CampaignSpec): Promise<Complaint[]> =>
  inputComplaints(data, inputRules(process.env, { project: PROJECT, store: storePath() }));
