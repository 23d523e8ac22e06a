export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export const left = (title: string): Column => ({ title, align: 'left' });
export const right = (title: string): Column => ({ title, align: 'right' });

/**
 * Lines of plain text: a heading, a rule, the rows, and, after another rule, the totals. Each column is as wide as its
 * widest cell; amounts stand flush right, so their decimal points meet.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  totals: readonly (readonly string[])[] = [],
): readonly string[] {
  const all = [columns.map(({ title }) => title), ...rows, ...totals];
  const widths = columns.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)));
  const line = (row: readonly string[]) =>
    columns
      .map(({ align }, at) => {
        const cell = row[at] ?? '';
        return align === 'left' ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [
    line(columns.map(({ title }) => title)),
    rule,
    ...rows.map(line),
    ...(totals.length > 0 ? [rule, ...totals.map(line)] : []),
  ];
}
