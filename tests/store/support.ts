import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type FileEntry, type PartManifest, parseOrRefuse, StageFile } from '../../spec/index.ts';
import { partPath, sha256, stageKey, withChecksum, writeFileAtomic } from '../../store/index.ts';

/** A folder that is gone when the test has finished. */
export function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-store-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a file by its path below `folder`. */
export function put(folder: string, path: string, content: string): FileEntry {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
  return { path, sha256: sha256(content), bytes: Buffer.byteLength(content) };
}

const A = 'a'.repeat(64);

/** A search stage of two shards. */
export function aStage(changes: object = {}): StageFile {
  const stage = parseOrRefuse(
    StageFile,
    {
      schemaVersion: 1,
      kind: 'search',
      name: 'search',
      key: A,
      seed: 7,
      codeVersion: 'v1',
      domain: { name: 'countdown' },
      policy: { type: 'pretrain' },
      config: { run: { shards: 2 } },
      inputs: { prompts: { kind: 'prepare', key: A, digest: A } },
      ...changes,
    },
    'the stage',
  );
  return 'key' in changes ? stage : { ...stage, key: stageKey(stage) };
}

/** Publishes a part as a pod does, with one file. */
export async function publish(stage: string, part: number, changes: Partial<PartManifest> = {}): Promise<FileEntry> {
  const file = put(stage, `data/trees-0000${part}.jsonl`, `{"part":${part}}\n`);
  const times = { finishedAt: '2026-01-01T00:00:00.000Z' };
  const manifest: PartManifest = withChecksum({
    part,
    attempt: 0,
    files: [file],
    counts: { problems: 10 + part },
    ...times,
    ...changes,
  });
  await writeFileAtomic(partPath(stage, part), JSON.stringify(manifest));
  return file;
}
