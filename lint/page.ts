import { tableOf } from '../dev/markdown.ts';
import { allowanceOf, labelOf, type Packages, type Wall, type Walls } from './table.ts';

const BEGIN = '<!-- begin: lint/walls.ts, written by `npm run docs` -->';
const END = '<!-- end -->';

/** The page with the table between its markers. @throws Error when the markers are missing */
export function withTable(page: string, table: Walls, packages: Packages): string {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before === -1 || after < before) throw new Error(`expected a line ${BEGIN} and, below it, a line ${END}`);
  return [page.slice(0, before) + BEGIN, '', wallsText(table, packages), '', page.slice(after)].join('\n');
}

/** Both tables as Markdown. */
function wallsText(table: Walls, packages: Packages): string {
  return [
    tableOf(
      ['folder', 'holds', 'may import', 'packages'],
      Object.entries(table).map(([row, wall]) => cellsOf(table, row, wall)),
    ),
    '',
    tableOf(
      ['package', 'used for'],
      Object.entries(packages).map(([name, why]) => [code(name), why]),
    ),
  ].join('\n');
}

function cellsOf(table: Walls, row: string, wall: Wall): string[] {
  const { holds, publicFiles = [], imports, packages, packageTypes = [], computed } = wall;
  const others =
    imports === 'anything' ? ['anything'] : Object.keys(imports).map((other) => importText(table, row, other));
  const loaded = packages === 'anything' ? ['anything'] : packages.map(code);
  return [
    code(labelOf(row)),
    publicFiles.length === 0 ? holds : `${holds}<br>public: ${publicFiles.map(code).join(', ')}`,
    [...others, ...(computed === undefined ? [] : [`by a computed name: ${computed}`])].join('<br>'),
    [...loaded, ...packageTypes.map((name) => `types of ${code(name)}`)].join(', '),
  ];
}

function importText(table: Walls, row: string, other: string): string {
  const { why, typesOnly = false, files = [] } = allowanceOf(table, row, other) ?? { why: '' };
  const from = files.length === 0 ? code(labelOf(other)) : files.map((file) => code(`${other}/${file}`)).join(', ');
  return `${typesOnly ? 'types of ' : ''}${from}: ${why}`;
}

const code = (text: string): string => `\`${text}\``;
