import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { isMissing, namesIn, readJson, readJsonIfThere } from './read.ts';

/** The folder of one stage. The checker reads it with code of its own, written from docs/architecture.md. */
export interface StageFolder {
  readonly key: string;
  readonly dir: string;
  readonly stage: StageJson;
  /** In the order of their file names. */
  readonly claims: readonly ClaimFile[];
  readonly parts: readonly PartJson[];
  readonly manifest: ManifestJson | null;
  readonly journals: readonly JournalFile[];
  readonly checkpoints: readonly MarkerJson[];
}

export interface StageJson {
  readonly name: string;
  readonly kind: string;
  readonly key: string;
  readonly config: { readonly checkpoints?: { readonly everySteps: number } };
}

export interface ClaimFile {
  readonly file: string;
  readonly attempt: number;
  readonly owner: string;
  readonly execution: string;
  readonly claimedAt: string;
  readonly released?: string;
}

export interface FileJson {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface PartJson {
  readonly part: number;
  readonly attempt: number;
  readonly files: readonly FileJson[];
  readonly counts: Readonly<Record<string, number>>;
  readonly finishedAt: string;
}

export interface ManifestJson {
  readonly kind: string;
  readonly key: string;
  readonly digest: string;
  readonly checksum: string;
  readonly identity: unknown;
  readonly attempt: number;
  readonly parts: number;
  readonly files: readonly FileJson[];
  readonly counts: Readonly<Record<string, number>>;
}

export interface MarkerJson {
  readonly step: number;
  readonly attempt: number;
  readonly savedAt: string;
}

/** Lines of a journal up to the first invalid line. */
export interface JournalFile {
  readonly part: number;
  readonly attempt: number;
  readonly lines: readonly string[];
}

/** Every stage of the store, by key. */
export async function readStore(store: string): Promise<Map<string, StageFolder>> {
  const stages = join(store, 'stages');
  const folders = await Promise.all((await namesIn(stages)).map((key) => readStage(join(stages, key), key)));
  return new Map(folders.map((folder) => [folder.key, folder]));
}

async function readStage(dir: string, key: string): Promise<StageFolder> {
  const [claims, parts] = await Promise.all(
    ['claims', 'parts'].map(async (folder) => {
      const names = (await namesIn(join(dir, folder))).filter((name) => /^\d+\.json$/.test(name));
      return await Promise.all(
        names.map(async (file) => ({ file, ...(await readJson<object>(join(dir, folder, file))) })),
      );
    }),
  );
  return {
    key,
    dir,
    stage: await readJson<StageJson>(join(dir, 'stage.json')),
    claims: claims as unknown as ClaimFile[],
    parts: parts as unknown as PartJson[],
    manifest: await readManifest(join(dir, 'manifest.json')),
    journals: await readJournals(join(dir, 'journal')),
    checkpoints: await readMarkers(join(dir, 'checkpoints')),
  };
}

/** Null when there is no manifest, or one that the soak has truncated. outputs.ts decides whether that is allowed. */
async function readManifest(path: string): Promise<ManifestJson | null> {
  return await readJsonIfThere<ManifestJson>(path).catch((error: unknown) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
}

async function readJournals(folder: string): Promise<JournalFile[]> {
  const files = (await namesIn(folder)).flatMap((name) => {
    const [, part, attempt] = /^(\d+)-attempt-(\d+)\.jsonl$/.exec(name) ?? [];
    return part === undefined ? [] : [{ path: join(folder, name), part: Number(part), attempt: Number(attempt) }];
  });
  return await Promise.all(
    files.map(async ({ path, part, attempt }) => ({ part, attempt, lines: validLines(await readFile(path)) })),
  );
}

/** A valid line is the crc32 of the JSON in 8 hexadecimal digits, a space, and the JSON. */
function validLines(content: Buffer): string[] {
  const lines: string[] = [];
  // The last element follows the last line break: it is empty or a torn line.
  for (const line of content.toString('utf8').split('\n').slice(0, -1)) {
    const json = line.slice(9);
    if (line.slice(0, 9) !== `${crc32(json).toString(16).padStart(8, '0')} `) break;
    lines.push(json);
  }
  return lines;
}

async function readMarkers(folder: string): Promise<MarkerJson[]> {
  const names = (await namesIn(folder)).filter((name) => name.startsWith('step-'));
  const read = await Promise.all(
    names.map((name) =>
      // The soak may have damaged the marker.
      readJson<MarkerJson>(join(folder, name, 'complete.json')).catch((error: unknown) => {
        if (isMissing(error) || error instanceof SyntaxError) return null;
        throw error;
      }),
    ),
  );
  return read.filter((marker) => marker !== null);
}

/** The current claim at a time: the latest one made until then. Null before the first. */
export function currentClaimAt(claims: readonly ClaimFile[], time: string): ClaimFile | null {
  return claims.filter(({ claimedAt }) => claimedAt <= time).at(-1) ?? null;
}
