/**
 * Writes docs/spec-reference.md: every field of a campaign file, from the zod schemas of spec/. Writes the table of
 * folders into docs/architecture.md, from lint/walls.ts.
 *
 *     npm run docs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { inProject } from '../config/paths.ts';
import { tableOf } from '../dev/markdown.ts';
import { PACKAGES } from '../lint/packages.ts';
import { withTable } from '../lint/page.ts';
import { WALLS } from '../lint/walls.ts';
import { CampaignSpec } from '../spec/index.ts';

/** The parts of a field's JSON Schema that the page shows. `source` is our own metadata. */
interface FieldSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly source?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly required?: readonly string[];
  readonly items?: FieldSchema;
  readonly additionalProperties?: unknown;
  readonly oneOf?: readonly FieldSchema[];
  readonly anyOf?: readonly FieldSchema[];
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly otherwise: string;
  readonly source: string;
  readonly description: string;
}

export const REFERENCE = inProject('docs', 'spec-reference.md');
export const ARCHITECTURE = inProject('docs', 'architecture.md');

/** docs/architecture.md as it should be. */
export const architecture = (): string => withTable(readFileSync(ARCHITECTURE, 'utf8'), WALLS, PACKAGES);

/** docs/spec-reference.md as it should be. */
export function specReference(): string {
  const root = z.toJSONSchema(CampaignSpec, { io: 'input', reused: 'inline' }) as FieldSchema;
  const { stages, ...others } = root.properties ?? {};
  const run = stages?.properties?.search?.properties?.run ?? {};
  return [
    '# Campaign file: every field',
    '',
    'Generated from `spec/` by `npm run docs`. A campaign file is YAML or JSON. Fields with a default are optional. *Source* says where a default comes',
    'from: a section of the ASTRO paper (arXiv 2507.00417), or *ours*. `orrery validate FILE` reports each wrong field with its line. Editors can use',
    '`spec/schemas/campaign.json`.',
    '',
    '## Campaign',
    '',
    fieldTable(Object.entries(others).flatMap(([name, field]) => rows(name, field, root.required?.includes(name)))),
    ...Object.entries(stages?.properties ?? {}).flatMap(([stage, { description, properties = {} }]) => {
      const { run: _, ...own } = properties;
      const fields = Object.entries(own).flatMap(([name, field]) => rows(name, field, false));
      return [
        '',
        `## \`stages.${stage}\``,
        '',
        ...(description ? [description, ''] : []),
        fields.length > 0 ? fieldTable(fields) : 'No settings but `run`.',
      ];
    }),
    '',
    '## `run`',
    '',
    'How a stage is executed. Every stage has one: `stages.<stage>.run`. Only `shards` and `ranks` change a result.',
    '',
    fieldTable(Object.entries(run.properties ?? {}).flatMap(([name, field]) => rows(name, field, false))),
    '',
  ].join('\n');
}

/** The field and its nested fields. The alternatives of a union follow one another. */
function rows(path: string, field: FieldSchema, required = false): Row[] {
  const own: Row = {
    path,
    type: typeText(field),
    otherwise: required ? '*required*' : defaultText(field),
    source: field.source ?? '',
    description: field.description ?? '',
  };
  const options = field.oneOf ?? [];
  if (options.length > 0) {
    return [own, ...options.flatMap((option) => fieldsOf(`${path}`, option, kindOf(option)))];
  }
  if (field.type === 'array' && field.items?.properties) return [own, ...fieldsOf(`${path}[]`, field.items)];
  return [own, ...fieldsOf(path, field)];
}

function fieldsOf(path: string, { properties = {}, required = [] }: FieldSchema, kind?: string): Row[] {
  const at = kind === undefined ? path : `${path} (${kind})`;
  return Object.entries(properties).flatMap(([name, field]) => rows(`${at}.${name}`, field, required.includes(name)));
}

/** The discriminator value of an alternative of a union. */
const kindOf = ({ properties = {} }: FieldSchema): string => String(properties.type?.const ?? '');

function typeText(field: FieldSchema): string {
  if (field.const !== undefined) return JSON.stringify(field.const);
  if (field.enum) return field.enum.map((value) => JSON.stringify(value)).join(', ');
  if (field.oneOf) return `one of ${field.oneOf.map(kindOf).join(', ')}`;
  if (field.anyOf) return [...new Set(field.anyOf.map(typeText))].join(' or ');
  if (field.type === 'array') return `list${sizeText(field)} of ${field.items ? typeText(field.items) : 'anything'}`;
  if (field.type === 'object') return field.properties ? 'fields' : `mapping${most(field.maxProperties, 'entries')}`;
  return `${field.type ?? 'any'}${rangeText(field)}${most(field.maxLength, 'characters')}`;
}

const most = (limit: number | undefined, what: string): string =>
  limit === undefined ? '' : `, at most ${limit} ${what}`;

const sizeText = ({ minItems = 0, maxItems }: FieldSchema): string => {
  if (maxItems === undefined) return '';
  return minItems > 0 ? ` (${minItems} to ${maxItems})` : ` (at most ${maxItems})`;
};

function rangeText({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: FieldSchema): string {
  const bounded = (bound: number | undefined) => bound !== undefined && Math.abs(bound) !== Number.MAX_SAFE_INTEGER;
  const limits = [
    ...(bounded(minimum) ? [`≥ ${minimum}`] : []),
    ...(bounded(exclusiveMinimum) ? [`> ${exclusiveMinimum}`] : []),
    ...(bounded(maximum) ? [`≤ ${maximum}`] : []),
    ...(bounded(exclusiveMaximum) ? [`< ${exclusiveMaximum}`] : []),
  ];
  return limits.length === 0 ? '' : `, ${limits.join(', ')}`;
}

/** Empty for a group: its fields show their own defaults. */
function defaultText(field: FieldSchema): string {
  if (field.default === undefined || field.properties) return '';
  return `\`${JSON.stringify(field.default)}\``;
}

const fieldTable = (entries: readonly Row[]): string =>
  tableOf(
    ['field', 'type', 'default', 'source', 'what'],
    entries.map(({ path, type, otherwise, source, description }) => [
      `\`${path}\``,
      type,
      otherwise,
      source,
      description,
    ]),
  );

if (import.meta.main) {
  writeFileSync(REFERENCE, specReference());
  writeFileSync(ARCHITECTURE, architecture());
}
