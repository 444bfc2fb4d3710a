import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { inProject, VENV, VENV_PYTHON } from '../../config/paths.ts';
import { PAUSE_IMAGE } from './configuration.ts';
import { writeImage } from './oci.ts';
import { inCluster } from './paths.ts';
import { packageFile } from './requirements.ts';

/**
 * The images of a cluster on this machine, built from the machine's own files: a shell (busybox), the Python that
 * `.venv` is based on, at the same path, and the shared libraries that Python, its packages and Node load. A volume
 * provides the project, Node and `.venv`.
 */

/** User and group of the pods, named in the image. */
export const POD_USER = 10001;

/** An image in an archive. */
export interface Image {
  readonly name: string;
  readonly archive: string;
}

const SHELL = [
  'sh',
  'sleep',
  'echo',
  'cat',
  'ls',
  'env',
  'id',
  'true',
  'false',
  'dd',
  'mkdir',
  'test',
  'kill',
  'fallocate',
  'ps',
  'nslookup',
];
/** Parts of a Python installation that no program of ours needs. */
const LEFT_OUT = ['site-packages', 'dist-packages', 'test', 'idlelib', 'tkinter', 'ensurepip', '__pycache__'];

/** Builds the image of the pause container. */
export async function pauseImage(): Promise<Image> {
  const image = { name: PAUSE_IMAGE, archive: inCluster('images', 'pause.tar') };
  if (existsSync(image.archive)) return image;
  const root = inCluster('images', 'pause');
  await layOutShell(root);
  await writeImage(root, image.archive, { name: image.name, command: ['/bin/sleep', '2147483647'], env: [] });
  await rm(root, { recursive: true });
  return image;
}

/** Builds the image of the stages' containers. Its tag depends on its content. */
export async function stageImage(): Promise<Image> {
  const python = await pythonInstallation();
  const libraries = await sharedLibraries(python);
  // A replaced package keeps its paths, so the hash includes sizes and times of files.
  const files = await Promise.all([python.executable, python.library, ...libraries].map(fileVersion));
  const contents = createHash('sha256')
    .update(JSON.stringify([python, files, SHELL, LEFT_OUT]))
    .digest('hex');
  const image = {
    name: `orrery.local/stage:${contents.slice(0, 12)}`,
    archive: inCluster('images', `stage-${contents.slice(0, 12)}.tar`),
  };
  if (existsSync(image.archive)) return image;

  const root = inCluster('images', 'stage');
  await layOutShell(root);
  await copyPython(root, python);
  for (const library of libraries) {
    await mkdir(dirname(join(root, library)), { recursive: true });
    await cp(library, join(root, library), { dereference: true });
  }
  await layOutEtc(root);
  // This machine may keep libraries in unusual folders. The loader in the image needs them in its cache.
  await execa('ldconfig', ['-r', root], { reject: false });
  await writeImage(root, image.archive, {
    name: image.name,
    command: ['/bin/sh'],
    env: ['PATH=/usr/bin:/bin', 'LANG=C.UTF-8', 'HOME=/tmp', `USER=${USER_NAME}`],
  });
  await rm(root, { recursive: true });
  return image;
}

async function fileVersion(path: string): Promise<readonly [path: string, bytes: number, changedAt: number]> {
  const { size, mtimeMs } = await stat(path);
  return [path, size, Math.floor(mtimeMs)];
}

const USER_NAME = 'orrery';

async function layOutShell(root: string): Promise<void> {
  await rm(root, { recursive: true, force: true });
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'usr/bin']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await chmod(join(root, 'tmp'), 0o1777);
  const busybox = packageFile('busybox-static');
  if (busybox === null) throw new Error('there is no busybox');
  await cp(busybox, join(root, 'bin', 'busybox'), { dereference: true });
  for (const name of SHELL) await symlink('busybox', join(root, 'bin', name));
}

/** Adds users and groups. torch, for example, names its cache after the user. */
async function layOutEtc(root: string): Promise<void> {
  await writeFile(
    join(root, 'etc', 'passwd'),
    `root:x:0:0::/:/bin/sh\n${USER_NAME}:x:${POD_USER}:${POD_USER}::/tmp:/bin/sh\n`,
  );
  await writeFile(join(root, 'etc', 'group'), `root:x:0:\n${USER_NAME}:x:${POD_USER}:\n`);
  for (const file of ['ld.so.conf', 'ld.so.conf.d']) {
    if (existsSync(join('/etc', file)))
      await cp(join('/etc', file), join(root, 'etc', file), { recursive: true, dereference: true });
  }
}

interface PythonInstallation {
  /** The interpreter to which the links of `.venv/bin/python` lead. */
  readonly executable: string;
  /** Links on the way to it, with their targets. */
  readonly links: readonly (readonly [path: string, target: string])[];
  /** Folder of the standard library. */
  readonly library: string;
}

async function pythonInstallation(): Promise<PythonInstallation> {
  const { stdout: library } = await execa(VENV_PYTHON, ['-c', 'import sysconfig; print(sysconfig.get_path("stdlib"))']);
  const links: [string, string][] = [];
  let path = VENV_PYTHON;
  for (;;) {
    const target = await readlink(path).catch(() => null);
    if (target === null) break;
    // Links within .venv are on the volume.
    if (!path.startsWith(VENV)) links.push([path, target]);
    path = resolve(dirname(path), target);
  }
  return { executable: path, links, library };
}

async function copyPython(root: string, { executable, library, links }: PythonInstallation): Promise<void> {
  for (const path of [executable, library]) await mkdir(dirname(join(root, path)), { recursive: true });
  await cp(executable, join(root, executable));
  await cp(library, join(root, library), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) =>
      !LEFT_OUT.includes(basename(source)) && !basename(source).startsWith('config-') && !source.endsWith('.a'),
  });
  for (const [path, target] of links) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await symlink(target, join(root, path)).catch(ignoreExisting);
  }
  // Some folders on this machine, such as a home, admit only their owner. In the image, the pod's user needs access.
  await execa('chmod', ['-R', 'u+rwX,go+rX', root]);
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** Sorted paths of the loader and of all libraries outside the project that Node, Python and its packages load. */
async function sharedLibraries({ executable, library }: PythonInstallation): Promise<string[]> {
  const { stdout: found } = await execa('find', [
    ...[join(library, 'lib-dynload'), VENV, '-name', '*.so*', '-type', 'f'],
    // These pods have no CUDA.
    ...['-not', '-path', '*/nvidia/*', '-not', '-path', '*/triton/*'],
  ]);
  const programs = [executable, inProject('node_modules', 'node', 'bin', 'node'), ...found.split('\n').filter(Boolean)];
  const { stdout } = await execa('xargs', ['-n', '64', '-P', '2', 'ldd'], {
    input: programs.join('\n'),
    reject: false,
  });
  const inside = [inProject(), dirname(dirname(executable)) === '/usr' ? '\0' : `${dirname(library)}/python`];
  return librariesIn(stdout).filter((path) => !inside.some((folder) => path.startsWith(folder)));
}

/** Sorted, unique paths in the output of `ldd`. Libraries that were not found have no path. */
export function librariesIn(printed: string): string[] {
  const paths = printed.split('\n').map((line) => /^\s+(?:\S+ => )?(\/\S+) \(0x/.exec(line)?.[1] ?? '');
  return [...new Set(paths)].filter((path) => path !== '').sort();
}
