import type { Channel } from '../connection/channel.ts';

/** Milliseconds of silence that processes which a command leaves behind get to write in. */
const LINGER = 200;

/** Bytes that may be on their way when a command ends: the window of its channel, and two pipes. */
const ON_THE_WAY = (2 << 20) + (128 << 10);

/**
 * Closes the channel of a command that has ended while something holds its output: all that it wrote
 * itself arrives first, however slowly that is read.
 */
export function closeAfterExit(channel: Channel): void {
  const { stdout, stderr } = channel;
  void channel.exited.then(() => {
    let since = performance.now();
    let bytes = 0;
    const look = (chunk: Buffer) => {
      since = performance.now();
      bytes += chunk.length;
    };
    stdout.on('data', look);
    stderr.on('data', look);
    const exit = since;
    const timer = setInterval(() => {
      const now = performance.now();
      // Held up by who reads: nothing is known of what is still to come.
      const unread = stdout.readableLength > 0 || stderr.readableLength > 0;
      const silent = !unread && now - since >= LINGER;
      if (silent || (bytes > ON_THE_WAY && now - exit >= LINGER)) channel.close();
    }, LINGER / 4);
    void channel.ended.then(() => clearInterval(timer));
  });
}
