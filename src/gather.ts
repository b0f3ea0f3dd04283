import type { Duplex } from 'node:stream';

/**
 * Has what is written to a stream in one turn of the event loop written as one. Each write is a system call,
 * and may wake the peer up: the ssh library's are three a packet, one of them of four bytes.
 */
export function gatherWrites(stream: Duplex): void {
  const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
  const release = () => stream.uncork();
  stream.write = (...args: unknown[]) => {
    if (stream.writableCorked === 0) {
      stream.cork();
      process.nextTick(release);
    }
    return write(...args);
  };
}
