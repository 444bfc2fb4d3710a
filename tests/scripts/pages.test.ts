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
  const sources = [...sourcesOf(PROJECT)];
  const broken = sources.flatMap(([path, text]) =>
    [...text.matchAll(/\bdocs\/[\w/-]+\.md(#[\w-]+)?/g)].flatMap(([link]) =>
      hasTarget('README.md', link) ? [] : [`${path}: ${link}`],
    ),
  );
  expect(sources.length).toBeGreaterThan(500);
  expect(broken).toEqual([]);
});

test('every file that CONTRIBUTING.md names exists', () => {
  const paths = [...prose('CONTRIBUTING.md').matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(30);
  expect(paths.filter((path) => !existsSync(inProject(path)))).toEqual([]);
});

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
