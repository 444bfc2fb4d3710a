import { z } from 'zod';
import { IS_TRAINER, StageFile, type StageKind } from '../spec/index.ts';

/** Where the types are written, from the root of the project. `npm run docs` writes them. */
export const PYTHON_TYPES = 'trainers/orrery_trainers/pod/stage_types.py';

/** Longest line of Python (trainers/pyproject.toml). */
const WIDTH = 120;

const HEADER = `"""Types of the stage files that trainers read, made from spec/stage-file.ts by \`npm run docs\`. Do not edit."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict
`;

type Schema = z.core.JSONSchema.JSONSchema;

/**
 * The source of {@link PYTHON_TYPES}: a TypedDict for every object of the stage files of trainers, formatted as ruff
 * does.
 */
export function pythonTypes(): string {
  const { oneOf = [], $defs = {} } = z.toJSONSchema(StageFile, { io: 'output' }) as Schema;
  const types = new TypedDicts(Object.keys($defs));
  const stages = oneOf.flatMap((stage) => {
    const kind = String((stage.properties?.kind as Schema | undefined)?.const);
    return IS_TRAINER.has(kind as StageKind) ? [types.nameOf(stage, `${pascal(kind)}Stage`, pascal(kind))] : [];
  });
  return `${HEADER}\n\n${types.sources().join('\n\n')}\n\n${`TrainerStage = ${stages.join(' | ')}\n`}`;
}

/**
 * Gathers TypedDicts. Objects of equal fields are one type; where two of one name differ, the later one is named by its
 * parent too.
 */
class TypedDicts {
  readonly #recursive: ReadonlySet<string>;
  /** Name of a type -> its fields as Python, in the order in which they have to stand. */
  readonly #fields = new Map<string, string>();

  /** recursive: names of the definitions that hold themselves; they are JSON values. */
  constructor(recursive: readonly string[]) {
    this.#recursive = new Set(recursive.map((name) => `#/$defs/${name}`));
  }

  sources(): string[] {
    return [...this.#fields].map(([name, fields]) => `class ${name}(TypedDict):\n${fields}`);
  }

  /** The name of the TypedDict of an object. */
  nameOf(schema: Schema, name: string, parent: string): string {
    const required = new Set(schema.required);
    const fields = Object.entries(schema.properties ?? {}).map(([field, value]) => {
      if (!/^[A-Za-z_]\w*$/.test(field)) throw new Error(`${name}.${field}: expected a name that Python allows`);
      const isNamedByParent = field === 'config';
      const type = this.#typeOf(value as Schema, isNamedByParent ? parent + pascal(field) : pascal(field), name);
      return fieldLine(field, required.has(field) ? type : `NotRequired[${type}]`);
    });
    const source = fields.length === 0 ? '    pass\n' : fields.join('');
    for (const candidate of [name, parent + name]) {
      const taken = this.#fields.get(candidate);
      if (taken === source) return candidate;
      if (taken !== undefined) continue;
      this.#fields.set(candidate, source);
      return candidate;
    }
    throw new Error(`${parent}.${name}: expected a name that is free`);
  }

  #typeOf(schema: Schema, name: string, parent: string): string {
    if (schema.$ref !== undefined) {
      if (!this.#recursive.has(schema.$ref)) throw new Error(`${parent}.${name}: expected no reference to follow`);
      return 'Any';
    }
    if (schema.const !== undefined) return `Literal[${python(schema.const)}]`;
    if (schema.enum !== undefined) return `Literal[${schema.enum.map(python).join(', ')}]`;
    const branches = schema.oneOf ?? schema.anyOf;
    if (branches !== undefined) {
      const names = branches.map((branch) =>
        this.#typeOf(branch as Schema, branchName(branch as Schema, name), parent),
      );
      return [...new Set(names)].join(' | ');
    }
    switch (schema.type) {
      case 'string':
        return 'str';
      case 'integer':
        return 'int';
      case 'number':
        return 'float';
      case 'boolean':
        return 'bool';
      case 'null':
        return 'None';
      case 'array':
        return `list[${this.#typeOf(schema.items as Schema, singular(name), parent)}]`;
      case 'object':
        if (schema.properties !== undefined) return this.nameOf(schema, name, parent);
        return `dict[str, ${this.#typeOf(schema.additionalProperties as Schema, singular(name), parent)}]`;
      default:
        throw new Error(`${parent}.${name}: expected a type that Python has a word for, but got ${schema.type}`);
    }
  }
}

/** A branch of a union of objects is named by the constant that tells it apart. */
function branchName(branch: Schema, name: string): string {
  const tag = Object.values(branch.properties ?? {}).find((value) => (value as Schema).const !== undefined) as Schema;
  return tag === undefined ? name : name + pascal(String(tag.const));
}

/** Too long a line breaks at its brackets, from the outermost inwards, as ruff breaks it. */
function fieldLine(field: string, type: string): string {
  const lines = [`    ${field}: ${type}`];
  while (lines.some((line) => line.length > WIDTH)) {
    const at = lines.findIndex((line) => line.length > WIDTH);
    const [, indent, head, inner, tail] = /^( *)([^[]*\[)(.*)(\])$/.exec(lines[at]!) ?? [];
    if (inner === undefined) throw new Error(`${field}: expected a type that can be broken into lines`);
    lines.splice(at, 1, `${indent}${head}`, `${indent}    ${inner}`, `${indent}${tail}`);
  }
  return `${lines.join('\n')}\n`;
}

const python = (value: unknown): string =>
  value === null ? 'None' : typeof value === 'boolean' ? pascal(String(value)) : JSON.stringify(value);

const singular = (name: string): string => name.replace(/s$/, '');

const pascal = (name: string): string =>
  name.replace(/(?:^|[^A-Za-z0-9]+)([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
