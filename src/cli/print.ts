/** Text for stdout. Where the reader has gone, as `head` does, there is nothing to say about it. */
export function print(text: string): void {
  process.stdout.on('error', () => {});
  process.stdout.write(text);
}
