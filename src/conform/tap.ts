import { titleOf, type Case } from './case.ts';

export type Verdict =
  | { kind: 'pass' }
  | { kind: 'skip'; reason: string }
  | { kind: 'fail'; message: string; record: readonly string[] };

/** The first lines of a TAP stream for so many cases. */
export function tapHead(count: number): string {
  return `TAP version 13\n1..${count}\n`;
}

/** One case's line, with a YAML block where it failed. */
export function tapLine(number: number, tried: Case, verdict: Verdict): string {
  const title = `${number} - ${titleOf(tried).replace(/#/g, '\\#')}`;
  switch (verdict.kind) {
    case 'pass':
      return `ok ${title}\n`;
    case 'skip':
      return `ok ${title} # SKIP ${oneLine(verdict.reason)}\n`;
    case 'fail':
      return `not ok ${title}\n${diagnostics(tried, verdict)}`;
  }
}

function diagnostics(
  tried: Case,
  { message, record }: { message: string; record: readonly string[] },
): string {
  const lines = [
    '  ---',
    `  message: ${JSON.stringify(oneLine(message))}`,
    `  rule: ${JSON.stringify(`${tried.rule} in regime-protocol(7)`)}`,
  ];
  if (record.length > 0) {
    lines.push(
      '  conversation:',
      ...shorten(record).map((line) => `    - ${JSON.stringify(line)}`),
    );
  }
  return `${[...lines, '  ...'].join('\n')}\n`;
}

/** The end of a conversation tells more than its middle. */
function shorten(record: readonly string[]): readonly string[] {
  return record.length <= 40
    ? record
    : [...record.slice(0, 10), `(${record.length - 30} more)`, ...record.slice(-20)];
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
