import type { Bytes } from '../bytes.ts';

/** The lines of a stream, one by one. */
export interface LineReader {
  /** The next line without its newline; undefined at the end of the stream. */
  next(): Promise<Bytes | undefined>;
  /** What has arrived and was not asked for yet: whole lines, then an unfinished one. */
  unread(): Bytes[];
}

/**
 * Reads lines of bytes as they arrive.
 * @param onLine told of each line when it is complete, whether somebody waits for it or not
 */
export function readLines(
  stream: NodeJS.ReadableStream,
  onLine: (line: Bytes) => void,
): LineReader {
  const lines: Bytes[] = [];
  const waiting: ((line: Bytes | undefined) => void)[] = [];
  let rest = '';
  let ended = false;

  const settle = () => {
    while (waiting.length > 0 && (lines.length > 0 || ended)) waiting.shift()?.(lines.shift());
  };
  const end = () => {
    ended = true;
    settle();
  };
  stream.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString('latin1')).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      onLine(line);
      lines.push(line);
    }
    settle();
  });
  stream.on('end', end);
  stream.on('close', end);
  stream.on('error', end);

  return {
    next: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        settle();
      }),
    unread: () => (rest === '' ? [...lines] : [...lines, rest]),
  };
}
