import { withoutControls, type Advance } from '../log.ts';

/** Columns that a bar has, where there is room. */
const BAR = 20;

/**
 * One line of fewer than `columns` columns that says how far something is.
 * @param elapsed milliseconds since it began
 * @param counting milliseconds since there was something to count
 */
export function renderProgress(
  what: string,
  { done, total, stage }: Advance,
  { elapsed, counting = elapsed }: { elapsed: number; counting?: number },
  columns: number,
): string {
  const seconds = elapsed / 1000;
  const facts: string[] = [];
  let bar = '';
  if (done !== undefined && total !== undefined && total > 0) {
    const share = Math.min(done / total, 1);
    const full = Math.round(share * BAR);
    bar = ` [${'#'.repeat(full)}${'.'.repeat(BAR - full)}]`;
    facts.push(`${Math.floor(share * 100)}%`, `${megabytes(done)} of ${megabytes(total)} MB`);
  } else if (done !== undefined) facts.push(`${megabytes(done)} MB`);
  if (done) {
    const rate = (done * 1000) / counting;
    facts.push(`${megabytes(rate)} MB/s`);
    if (total !== undefined) facts.push(`${duration((total - done) / rate)} left`);
  } else if (stage) facts.push(withoutControls(stage));
  if (total === undefined || !done) facts.push(duration(seconds));
  // What matters less stands further behind, and goes first.
  const tailOf = () => `: ${facts.join(', ')}`;
  while (facts.length > 1 && width(tailOf()) > columns / 2) facts.pop();
  const tail = tailOf();
  const room = columns - 1 - width(tail);
  const head = room - bar.length >= width(what) ? what + bar : cut(what, room);
  return cut(head + tail, columns - 1);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** As much of a text as some columns have room for, with a mark where something is missing. */
function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let part = '';
  for (const letter of text) {
    if (width(part) + width(letter) > columns - 1) break;
    part += letter;
  }
  return columns > 0 ? `${part}…` : '';
}

/** Columns of a text: from Hangul on letters may be twice as wide, but for punctuation. */
function width(text: string): number {
  let columns = 0;
  for (const letter of text) columns += /[\u1100-\u1fff\u2e80-\u{10ffff}]/u.test(letter) ? 2 : 1;
  return columns;
}
