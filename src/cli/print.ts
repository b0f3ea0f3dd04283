import { isatty } from 'node:tty';

import { writeStderr } from '../log.ts';

/** Text for stdout. Where the reader has gone, as `head` does, there is nothing to say about it. */
export function print(text: string): void {
  process.stdout.on('error', () => {});
  process.stdout.write(text);
}

/** Says on stderr, to a person only, why there is nothing on stdout. */
export function explainSilence(text: string): void {
  if (isatty(1)) writeStderr(`${text}\n`);
}
