import { bytesOf, type Bytes } from '../../../src/bytes.ts';
import { shown } from '../../../src/errors.ts';

/** Bytes of a line that are waited for; of a longer one the rest is dropped. */
const LONGEST = 4096;

/**
 * Hands on the lines of a stream as they come, shown in printable form; what follows `password=` in
 * one (a script that runs under `set -x` prints it) is left out.
 * @returns the last line that was not empty
 */
export async function forwardLines(
  stream: NodeJS.ReadableStream | null,
  onLine: (line: string) => void,
): Promise<Bytes> {
  let last = '';
  let line = '';
  const hand = (text: Bytes) => {
    const words = shown(text.replace(/(password=).*/i, '$1***'));
    if (words === '') return;
    last = words;
    onLine(words);
  };
  for await (const chunk of stream ?? []) {
    const [first = '', ...rest] = (chunk as Buffer).toString('latin1').split(/[\r\n]/);
    line = (line + first).slice(0, LONGEST);
    for (const next of rest) {
      hand(line);
      line = next.slice(0, LONGEST);
    }
  }
  hand(line);
  return bytesOf(last);
}
