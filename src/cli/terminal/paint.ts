const CODES = { red: 31, green: 32, dim: 2 };

/** Text in a colour, where the terminal has colours and the user wants them (no-color.org). */
export function paint(text: string, colour: keyof typeof CODES): string {
  const { NO_COLOR, TERM } = process.env;
  if (!process.stdout.isTTY || NO_COLOR || !TERM || TERM === 'dumb') return text;
  return `\x1b[${CODES[colour]}m${text}\x1b[0m`;
}
