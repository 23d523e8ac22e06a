import type { Group } from './groups.js';
import type { Row } from './measure.js';

/** What a run came to. */
export interface Report {
  readonly date: Date;
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly results: readonly Result[];
}

export interface Result {
  readonly group: Group;
  readonly rows: readonly Row[];
  /** Why there are no rows. */
  readonly failure?: string;
}

const HEAD = ['', 'measure', 'against', 'figure', 'reference', 'ratio', 'least to greatest', 'target', '', 'note'];

const cellsOf = ({ number, measure, figure, reference, ratio, spread = '', target, met, note = '' }: Row): string[] => {
  const [what, against = ''] = measure.split(' | ');
  const verdict = met === null ? '' : met ? 'met' : 'NOT met';
  return [number, what!, against, figure, reference, ratio, spread, target, verdict, note];
};

function lines({ results }: Report): string[][] {
  const rows = results.flatMap(({ group, rows, failure }) =>
    failure === undefined
      ? rows.map(cellsOf)
      : group.rows.map((number) => [number, 'FAILED', ...Array<string>(HEAD.length - 3).fill(''), failure]),
  );
  return rows.sort(([a], [b]) => parseInt(a!) - parseInt(b!));
}

/** For a terminal. */
export function asText(report: Report): string {
  const { date, settings } = report;
  const table = [HEAD, ...lines(report)];
  const widths = HEAD.map((_, column) => Math.max(...table.map((cells) => cells[column]!.length)));
  const aligned = table.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column]!)).join('  '));
  return [
    `${date.toISOString()}`,
    ...settings.map(([name, value]) => `  ${name}: ${value}`),
    '',
    ...aligned.map((line) => line.trimEnd()),
  ].join('\n');
}

export function asMarkdown(report: Report): string {
  const { date, settings, results } = report;
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    '# What was measured',
    '',
    `Written by \`npm run bench\` on ${date.toISOString().slice(0, 10)}. Figures of one machine say little of another; the`,
    'ratios, of two things measured alternately in one run, are to be compared. A ratio is the median of those of the single',
    'turns, a figure the median of its turns.',
    '',
    ...settings.map(([name, value]) => `- ${name}: ${value}`),
    '',
    row(HEAD),
    row(HEAD.map(() => '---')),
    ...lines(report).map(row),
    '',
    '## How',
    '',
    ...results.map(({ group }) => `- **${group.rows.join(', ')}** ${group.how}`),
    '',
  ].join('\n');
}
