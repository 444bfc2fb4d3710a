import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { binaryPath } from './binaries.ts';
import { containerdSocket } from './components.ts';
import type { Snapshotter } from './configuration.ts';
import { type Image, stageImage } from './images.ts';
import { inCluster } from './paths.ts';

/** Puts an image into containerd, unless it is there. */
export async function importImage(
  { name, archive }: Image,
  snapshotter: Snapshotter['snapshotter'],
  tell: (line: string) => void,
): Promise<void> {
  const ctr = (...args: string[]) => execa(binaryPath('ctr'), ['-a', containerdSocket(), '-n', 'k8s.io', ...args]);
  const { stdout } = await ctr('images', 'list', '--quiet', `name==${name}`);
  if (stdout.trim() === name) return;
  tell(`importing the image ${name}`);
  await ctr('images', 'import', '--local', '--snapshotter', snapshotter, archive);
}

/** What the standing cluster's containerd was configured with; null where it has not been yet. */
export function standingSnapshotter(): Snapshotter['snapshotter'] | null {
  const file = inCluster('containerd.toml');
  if (!existsSync(file)) return null;
  return readFileSync(file, 'utf8').includes('"overlayfs"') ? 'overlayfs' : 'native';
}

/**
 * The image of the stages' containers as this machine's files are now: `npm run setup` may have brought others since `cluster:up`.
 * @returns its name; the cluster that stands has it
 */
export async function ensureStageImage(tell: (line: string) => void = console.error): Promise<string> {
  const image = await stageImage();
  await importImage(image, standingSnapshotter() ?? 'native', tell);
  return image.name;
}
