import { cp, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Canonical } from '../../store/index.ts';

/**
 * Ways to damage a store without updating all of its hashes. Each returns a description of the damage; null if it does
 * not apply.
 */

type Random = () => number;
const pick = <T>(items: readonly T[], random: Random): T => items[Math.floor(random() * items.length)] as T;

/** Files of stages and of the published report. Files that were set aside are excluded, because nobody reads them. */
export async function filesOf(store: string): Promise<string[]> {
  const names = await readdir(store, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('rejected'))
    .toSorted();
}

/** Damages one file. @param random - seeded, so that the same seed does the same damage to the same store */
export async function damage(store: string, random: Random): Promise<string | null> {
  const files = await filesOf(store);
  const [way, apply] = pick(Object.entries(WAYS), random);
  // The kind of file is drawn first, so that manifests, parts, data and reports are equally likely.
  const kinds = Map.groupBy(files, kindOf);
  const path = pick(pick([...kinds.values()], random), random);
  const what = await apply(path, files, random);
  return what === null ? null : `${way} of ${path.slice(store.length + 1)}: ${what}`;
}

function kindOf(path: string): string {
  const name = path.split('/').at(-1) ?? '';
  return path.includes('/parts/') ? 'part' : path.includes('/data/') ? name.replace(/-\d+/, '') : name;
}

/** Parses an object; null if earlier damage has destroyed it. */
function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

const WAYS: Readonly<
  Record<string, (path: string, files: readonly string[], random: Random) => Promise<string | null>>
> = {
  async flip(path, _, random) {
    const bytes = await readFile(path);
    if (bytes.length === 0) return null;
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << Math.floor(random() * 8));
    await writeFile(path, bytes);
    return `a bit of byte ${at}`;
  },
  async cut(path, _, random) {
    const { size } = await stat(path);
    if (size === 0) return null;
    const left = Math.floor(random() * size);
    await truncate(path, left);
    return `${left} of ${size} bytes left`;
  },
  async zeros(path) {
    const { size } = await stat(path);
    await writeFile(path, Buffer.alloc(size));
    return `${size} bytes`;
  },
  /** Copies the file of the same name from another stage. */
  async swap(path, files, random) {
    const name = path.split('/').at(-1);
    const other = pick(
      files.filter((file) => file !== path && file.split('/').at(-1) === name),
      random,
    );
    if (other === undefined) return null;
    await cp(other, path);
    return `copied from ${other}`;
  },
  async number(path, _, random) {
    const text = await readFile(path, 'utf8');
    const numbers = [...text.matchAll(/(?<=[:[,]\s*)\d+(?=[,\]}\s])/g)];
    if (numbers.length === 0) return null;
    const { index, 0: digits } = pick(numbers, random);
    await writeFile(path, `${text.slice(0, index)}${Number(digits) + 100_000}${text.slice(index + digits.length)}`);
    return `${digits} at ${index} became ${Number(digits) + 100_000}`;
  },
  /** Changes a manifest and updates its checksum, but not its other hashes. */
  async forge(path, _, random) {
    if (!path.endsWith('manifest.json')) return null;
    const manifest = parsed(await readFile(path, 'utf8'));
    if (manifest === null) return null;
    const changed = pick(
      [
        { counts: { solved: 100_240 } },
        { identity: { ...(manifest.identity as object), seed: 8 } },
        { kind: 'evaluate', key: 'a'.repeat(64) },
        { digest: 'b'.repeat(64) },
        { inputs: {} },
      ],
      random,
    );
    const { checksum, ...forged } = { ...manifest, ...changed } as Record<string, unknown>;
    await writeFile(path, JSON.stringify({ ...forged, checksum: sha256Canonical(forged) }));
    return JSON.stringify(changed).slice(0, 40);
  },
};
