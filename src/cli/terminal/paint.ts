const CODES = { red: 31, green: 32, dim: 2 };

/** Text in a colour, where the terminal has colours and the user wants them (no-color.org). */
export function paint(text: string, colour: keyof typeof CODES): string {
  const { NO_COLOR, TERM } = process.env;
  if (!process.stdout.isTTY || NO_COLOR || !TERM || TERM === 'dumb') return text;
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}

/**
 * After a command that wrote to the terminal: its colours end, and where its last line has no end the next
 * begins. As many blanks as there are columns wrap only where something stands before them.
 */
export function toFreshLine(): void {
  const { TERM } = process.env;
  if (!process.stdout.isTTY || !TERM || TERM === 'dumb') return;
  const blanks = ' '.repeat(Math.max(process.stdout.columns, 1));
  process.stdout.write(`\x1b[0m\x1b[?25h${blanks}\r\x1b[K`);
}
