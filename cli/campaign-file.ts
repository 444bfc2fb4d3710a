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

/** A campaign file that was found valid. */
export interface CampaignFile {
  /** As a person wrote it: what the workflow is given. */
  readonly input: Record<string, unknown>;
  /** With every default filled in. */
  readonly spec: CampaignSpec;
}

export interface ReadOptions {
  /** Whether the problem files have to be there already. */
  readonly dataFiles?: 'needed' | 'optional';
  /** Whether the programs of this version have to be able to run it; not for what is only computed or printed. */
  readonly engines?: 'needed' | 'optional';
  /** The campaign is to end after this stage, whatever the file says. */
  readonly until?: CampaignSpec['until'];
}

/** A campaign file that was refused: every bad field as `file:line: field: what was expected and what came`. */
export class InvalidCampaignFile extends CommandError {
  readonly complaints: readonly LineComplaint[];
  /** @param omitted - complaints that were left out before */
  constructor(file: string, complaints: readonly LineComplaint[], omitted = 0) {
    const bounded = new InvalidInputError(file, complaints);
    const told = bounded.complaints.map((complaint, index) => ({ ...complaint, line: complaints[index]?.line ?? 1 }));
    const lines = told.map((complaint) => `${file}:${complaint.line}: ${inWords(complaint)}`);
    super(EXIT.invalid, [...lines, ...omittedLines(bounded.omitted + omitted)].join('\n'));
    this.complaints = told;
  }
}

const inWords = ({ field, message }: Complaint): string => (field === '' ? message : `${field}: ${message}`);

/**
 * Reads a campaign from YAML or JSON, and checks it as the campaign itself will, with the domain's own settings.
 * @throws InvalidCampaignFile 65 naming every bad field by its line; CommandError 66 when there is no such file
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

/** {@link readCampaignFile} on a content that is there. `file` names it in what is told. */
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

/** All that is wrong, at once: what the domain refuses is told although other fields are wrong too. */
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

/** Problem files that a worker of this environment would refuse. */
const fileComplaints = ({ data }: CampaignSpec): Promise<Complaint[]> =>
  inputComplaints(data, inputRules(process.env, { project: PROJECT, store: storePath() }));
