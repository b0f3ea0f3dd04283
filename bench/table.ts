import type { Case } from './case.ts';
import { compare, describeTarget, digits, isMet, type Summary } from './statistics.ts';

/** What came of a case. */
export type Result =
  | { kind: 'measured'; case: Case; ours: Summary; theirs: Summary }
  | { kind: 'skipped' | 'failed'; case: Case; reason: string };

const HEAD = [
  'what',
  'unit',
  'regime',
  '(min-max)',
  'against',
  '',
  '(min-max)',
  'regime is',
  'target',
  '',
];
/** Columns of figures stand to the right. */
const RIGHT = new Set([2, 5, 7]);

/** The whole report: the table, then in plain words what was met, missed, skipped. */
export function renderReport(results: readonly Result[]): string {
  return `${renderTable(results)}\n${renderVerdicts(results)}`;
}

function renderTable(results: readonly Result[]): string {
  const rows = results.flatMap((result) => (result.kind === 'measured' ? [renderRow(result)] : []));
  const lines = [HEAD, ...rows];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((row) => row[column]?.length ?? 0)));
  const render = (row: string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return RIGHT.has(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return `${lines.map(render).join('\n')}\n`;
}

function renderRow(result: Result & { kind: 'measured' }): string[] {
  const { case: row, ours, theirs } = result;
  const met = isMet(row.target, ours.median, theirs.median);
  const difference = ours.median - theirs.median;
  const sign = difference < 0 ? '-' : '+';
  return [
    row.name,
    row.unit,
    digits(ours.median),
    `(${digits(ours.min)}-${digits(ours.max)})`,
    row.against,
    digits(theirs.median),
    `(${digits(theirs.min)}-${digits(theirs.max)})`,
    row.target.kind === 'more'
      ? `${sign}${digits(Math.abs(difference))} ms`
      : compare(ours.median, theirs.median),
    describeTarget(row.target),
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ];
}

function renderVerdicts(results: readonly Result[]): string {
  const judged = results.flatMap((result) => {
    if (result.kind !== 'measured') return [];
    const met = isMet(result.case.target, result.ours.median, result.theirs.median);
    return met === undefined ? [] : [{ met, name: result.case.name, target: result.case.target }];
  });
  const missed = judged.filter(({ met }) => !met);
  const lines = [`${judged.length - missed.length} of ${judged.length} targets are met.`];
  for (const { name, target } of missed) lines.push(`Missed: ${name} (${describeTarget(target)})`);
  for (const result of results) {
    if (result.kind === 'measured') continue;
    const word = result.kind === 'skipped' ? 'Skipped' : 'Failed';
    lines.push(`${word}: ${result.case.name}: ${result.reason}`);
  }
  return `${lines.join('\n')}\n`;
}
