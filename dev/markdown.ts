import { markdownTable } from 'markdown-table';

/**
 * A table in Markdown, without a line break at its end. A bar or a line break within a cell would end the cell, so both
 * are replaced.
 */
export const tableOf = (columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  markdownTable(
    [columns, ...rows].map((row) => row.map(cell)),
    { alignDelimiters: false },
  );

const cell = (content: string | number): string =>
  String(content)
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ');
