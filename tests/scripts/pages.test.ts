import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { inProject, PROJECT } from '../../config/paths.ts';
import { sourcesOf } from '../../lint/check.ts';

const pages = globSync(['*.md', 'docs/**/*.md', 'bench/results/*.md', 'data/*.md'], { cwd: PROJECT });

test.each(pages)('every link of %s has a target', (page) => {
  const links = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  const broken = links.filter((target) => !/^https?:/.test(target) && !hasTarget(page, target));
  expect(broken).toEqual([]);
});

test('every page that a source file names exists', () => {
  const others = globSync(['{examples,deploy}/*.yaml', '{bench,dev,domains,trainers}/**/*.{py,yaml}'], {
    cwd: PROJECT,
  });
  const sources = [
    ...sourcesOf(PROJECT),
    ...others.map((path) => [path, readFileSync(inProject(path), 'utf8')] as const),
  ];
  const broken = sources.flatMap(([path, text]) =>
    [...text.matchAll(/\bdocs\/[\w/-]+\.md(#[\w-]+)?/g)].flatMap(([link]) =>
      hasTarget('README.md', link) ? [] : [`${path}: ${link}`],
    ),
  );
  expect(sources.length).toBeGreaterThan(500);
  expect(broken).toEqual([]);
});

test('every file of the project that a page names exists', () => {
  const named = pages.flatMap((page) => namedPaths(page).map((path) => ({ page, path })));
  expect(named.length).toBeGreaterThan(300);
  const missing = named.filter(({ page, path }) => !isInProject(page, path));
  expect(missing.map(({ page, path }) => `${page}: ${path}`)).toEqual([]);
});

test('every file that CONTRIBUTING.md names exists', () => {
  const paths = [...prose('CONTRIBUTING.md').matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(30);
  expect(paths.filter((path) => !existsSync(inProject(path)))).toEqual([]);
});

/** The paths in the code of a page that start at a folder of the project, or end like one of its files. */
function namedPaths(page: string): string[] {
  const text = readFileSync(inProject(page), 'utf8').replaceAll(/^```mermaid.*?^```/gms, '');
  const code = text.match(/^```.*?^```|`[^`\n]+`/gms) ?? [];
  const words = code.flatMap((piece) => piece.match(/(?<![\w./:@<>{}*-])[\w.@<>{}*-]+\/[\w./@<>{}*-]*/g) ?? []);
  return words.filter((word) => isOfProject(word) && !isMadeLater(word));
}

const folders = new Set(globSync('*/', { cwd: PROJECT }).map((folder) => folder.replace(/\/$/, '')));
const isOfProject = (path: string): boolean => folders.has(path.split('/')[0]!) || /\.(go|md|mjs|py|ts)$/.test(path);

/** Files of an installation or of a user: `data/` holds both those of the project and those that the reader brings. */
const isMadeLater = (path: string): boolean => /^(\.orrery|\.venv|node_modules|data)\/|DATE/.test(path);

/** Whether a file with this path exists, from the root or from the page. `<name>` and `*` stand for any name. */
function isInProject(page: string, path: string): boolean {
  const pattern = path.replaceAll(/<[^>]*>/g, '*');
  return [pattern, join(dirname(page), pattern)].some((from) => globSync(from, { cwd: PROJECT }).length > 0);
}

/** A page without its code blocks. */
const prose = (page: string): string => readFileSync(inProject(page), 'utf8').replaceAll(/^```.*?^```/gms, '');

/** Whether the file of a link exists and has the heading after `#`. */
function hasTarget(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(inProject(target))) return false;
  return heading === undefined || headings(target).includes(heading);
}

/** The anchors of the headings of a page, as GitHub makes them. */
const headings = (page: string): string[] =>
  [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
