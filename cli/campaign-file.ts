import { readFileSync } from 'node:fs';
import { isMap, isNode, isScalar, LineCounter, type Node, type ParsedNode, parseDocument } from 'yaml';
import { inputComplaints, inputRules } from '../inputs/index.ts';
import { ENGINES, unsupportedIn } from '../planner/index.ts';
import {
  type CampaignSpec,
  type Complaint,
  InvalidInputError,
  parseCampaignSpec,
  parseOrRefuse,
} from '../spec/index.ts';
import { loadDomain } from '../stages/domain.ts';
import { architectureOf } from './architecture.ts';
import { CommandError, EXIT, messageOf } from './errors.ts';
import { PROJECT, storePath } from './paths.ts';

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

/** One thing wrong with a file, by the line to look at. Lines count from 1. */
export interface FileComplaint extends Complaint {
  readonly line: number;
}

/** A campaign file that was refused: every bad field as `file:line: field: what was expected and what came`. */
export class InvalidCampaignFile extends CommandError {
  readonly complaints: readonly FileComplaint[];
  constructor(file: string, complaints: readonly FileComplaint[]) {
    super(EXIT.invalid, complaints.map((complaint) => `${file}:${complaint.line}: ${inWords(complaint)}`).join('\n'));
    this.complaints = complaints;
  }
}

const inWords = ({ field, message }: Complaint): string => (field === '' ? message : `${field}: ${message}`);

/**
 * Reads a campaign from YAML or JSON, and checks it as the campaign itself will, with the domain's own settings.
 * @throws InvalidCampaignFile 65 naming every bad field by its line; CommandError 66 when there is no such file
 */
export async function readCampaignFile(file: string, options: ReadOptions = {}): Promise<CampaignFile> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(EXIT.missing, `${file} cannot be read: ${messageOf(error)}`, undefined, { cause: error });
  }
  return parseCampaign(text, file, options);
}

/** {@link readCampaignFile} on a text that is there. `file` names it in what is told. */
export async function parseCampaign(
  text: string,
  file: string,
  { dataFiles = 'needed', engines = 'needed', until }: ReadOptions = {},
): Promise<CampaignFile> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const lineAt = (offset: number): number => lines.linePos(offset).line;
  if (document.errors.length > 0) {
    throw new InvalidCampaignFile(
      file,
      document.errors.map((error) => ({
        field: '',
        message: error.message.split(' at line ')[0] ?? error.message,
        line: lineAt(error.pos[0]),
      })),
    );
  }
  const input: unknown = document.toJS();
  try {
    const ends = until === undefined ? {} : { until };
    const spec = { ...parseCampaignSpec(input, file), ...ends };
    await checkDomain(spec);
    if (engines === 'needed') await checkEngines(spec);
    if (dataFiles === 'needed') await checkDataFiles(spec);
    return { input: { ...(input as Record<string, unknown>), ...ends }, spec };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new InvalidCampaignFile(
      file,
      error.complaints.map((complaint) => ({
        ...complaint,
        line: lineAt(offsetOf(document.contents, complaint.field === '' ? [] : complaint.field.split('.'))),
      })),
    );
  }
}

/** @throws InvalidInputError when there is no such domain, or when its settings are not what it expects */
async function checkDomain(spec: CampaignSpec): Promise<void> {
  const domain = await loadDomain(spec.domain.name);
  try {
    parseOrRefuse(domain.settings, spec.domain.settings, 'domain.settings');
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new InvalidInputError(
      'the campaign',
      error.complaints.map(({ field, message }) => ({
        field: ['domain.settings', field].filter(Boolean).join('.'),
        message,
      })),
    );
  }
}

/** @throws InvalidInputError naming every field that asks for what the programs of this version cannot do */
async function checkEngines(spec: CampaignSpec): Promise<void> {
  const complaints = unsupportedIn(spec, ENGINES, await architectureOf(spec).catch(() => null));
  if (complaints.length > 0) throw new InvalidInputError('the campaign', complaints);
}

/** @throws InvalidInputError naming every problem file that a worker of this environment would refuse */
async function checkDataFiles({ data }: CampaignSpec): Promise<void> {
  const complaints = await inputComplaints(data, inputRules(process.env, { project: PROJECT, store: storePath() }));
  if (complaints.length > 0) throw new InvalidInputError('the campaign', complaints);
}

/** Where in the text a path leads: to its key, or, where the text does not have it, to the nearest place above. */
function offsetOf(root: ParsedNode | null, path: readonly string[]): number {
  let node: Node | null = root;
  let offset = root?.range?.[0] ?? 0;
  for (const step of path) {
    const next: { key: unknown; value: unknown } | null = childOf(node, step);
    if (next === null) break;
    offset = (isNode(next.key) ? next.key.range?.[0] : undefined) ?? offset;
    node = isNode(next.value) ? next.value : null;
  }
  return offset;
}

/** The entry of a mapping or sequence, with the node that stands for its key. */
function childOf(node: Node | null, step: string): { key: unknown; value: unknown } | null {
  if (isMap(node)) return node.items.find(({ key }) => (isScalar(key) ? String(key.value) : null) === step) ?? null;
  const item: unknown = node !== null && 'items' in node ? (node.items as unknown[])[Number(step)] : undefined;
  return item === undefined ? null : { key: item, value: item };
}
