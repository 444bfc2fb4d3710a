import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { binaryPath } from './binaries.ts';
import { containerdSocket } from './components.ts';
import type { Snapshotter } from './configuration.ts';
import { type Image, stageImage } from './images.ts';
import { inCluster } from './paths.ts';

/** Imports an image into containerd, unless it is there. */
export async function importImage(
  { name, archive }: Image,
  snapshotter: Snapshotter['snapshotter'],
  printLine: (line: string) => void,
): Promise<void> {
  const ctr = (...args: string[]) => execa(binaryPath('ctr'), ['-a', containerdSocket(), '-n', 'k8s.io', ...args]);
  const { stdout } = await ctr('images', 'list', '--quiet', `name==${name}`);
  if (stdout.trim() === name) return;
  printLine(`importing the image ${name}`);
  await ctr('images', 'import', '--local', '--snapshotter', snapshotter, archive);
}

/** The snapshotter in the configuration of containerd; null when there is no configuration yet. */
export function configuredSnapshotter(): Snapshotter['snapshotter'] | null {
  const file = inCluster('containerd.toml');
  if (!existsSync(file)) return null;
  return readFileSync(file, 'utf8').includes('"overlayfs"') ? 'overlayfs' : 'native';
}

/**
 * Builds and imports the image of the stages' containers again when this machine's files have changed: `npm run setup`
 * may have run since `cluster:up`.
 * @returns the name of the image in the running cluster
 */
export async function ensureStageImage(printLine: (line: string) => void = console.error): Promise<string> {
  const image = await stageImage();
  await importImage(image, configuredSnapshotter() ?? 'native', printLine);
  return image.name;
}
