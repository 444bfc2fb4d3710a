import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { execa } from 'execa';

/** Writes container images with one layer as archives in the OCI image layout, which `ctr images import` reads. */

export interface ImageConfig {
  /** `registry/name:tag`. */
  readonly name: string;
  readonly command: readonly string[];
  readonly env: readonly string[];
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

const MEDIA = 'application/vnd.oci.image';
const ARCHITECTURE: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
/** Equal files give an equal layer, independent of their owners and times. */
const REPRODUCIBLE = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];

/** Packs the folder `root` as an image at `archive`. */
export async function writeImage(root: string, archive: string, { name, command, env }: ImageConfig): Promise<void> {
  const layout = `${archive}.layout`;
  await rm(layout, { recursive: true, force: true });
  await mkdir(join(layout, 'blobs', 'sha256'), { recursive: true });

  const unnamed = join(layout, 'layer.tar');
  await execa('tar', [...REPRODUCIBLE, '-C', root, '-cf', unnamed, '.']);
  const layer = { digest: `sha256:${await sha256(unnamed)}`, size: (await stat(unnamed)).size };
  await rename(unnamed, blobPath(layout, layer.digest));

  const config = await addJson(layout, {
    architecture: ARCHITECTURE[arch()] ?? arch(),
    os: 'linux',
    config: { Cmd: command, Env: env },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  const manifest = await addJson(layout, {
    schemaVersion: 2,
    mediaType: `${MEDIA}.manifest.v1+json`,
    config: { mediaType: `${MEDIA}.config.v1+json`, ...config },
    layers: [{ mediaType: `${MEDIA}.layer.v1.tar`, ...layer }],
  });
  const annotations = { 'io.containerd.image.name': name };
  const index = { schemaVersion: 2, manifests: [{ mediaType: `${MEDIA}.manifest.v1+json`, ...manifest, annotations }] };
  await writeFile(join(layout, 'index.json'), JSON.stringify(index));
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));

  await mkdir(dirname(archive), { recursive: true });
  await execa('tar', [...REPRODUCIBLE, '-C', layout, '-cf', `${archive}.tmp`, '.']);
  await rename(`${archive}.tmp`, archive);
  await rm(layout, { recursive: true, force: true });
}

const blobPath = (layout: string, digest: string): string =>
  join(layout, 'blobs', 'sha256', digest.slice('sha256:'.length));

async function addJson(layout: string, value: unknown): Promise<Blob> {
  const text = JSON.stringify(value);
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
  await writeFile(blobPath(layout, digest), text);
  return { digest, size: Buffer.byteLength(text) };
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
