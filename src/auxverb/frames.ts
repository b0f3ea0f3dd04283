/**
 * What an auxverb and its server say to each other: frames of a letter, a length (32 bits,
 * big-endian), and that many bytes.
 *
 *   to the server:    a  TERM ROWS COLUMNS ARGUMENT…, each ended by a NUL; no TERM: no terminal
 *                     i  input of the command      e  its end
 *                     w  ROWS COLUMNS, each ended by a NUL: the size of the window
 *   to the auxverb:   o  output of the command     r  its errors
 *                     k  how many bytes of input were taken, in decimal
 *                     x  the exit status to end with, in decimal
 *                     g  the testbed has gone, and why
 *
 * Both always read. Input that was not taken yet is bounded by the auxverb, for a server that paused
 * its reading would not see that the auxverb has gone.
 */
export type FrameKind = 'a' | 'i' | 'e' | 'w' | 'o' | 'r' | 'k' | 'x' | 'g';

const HEAD = 5;

/** Bytes that a frame to the server may hold: Linux takes no longer argv. */
const LIMIT = 8 << 20;

/** What stands before the bytes of a frame. */
export function frameHead(kind: FrameKind, length: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD);
  head.write(kind, 0, 'latin1');
  head.writeUInt32BE(length, 1);
  return head;
}

/**
 * Takes frames apart as they come; returns a function for the next chunk. Input is handed on in the pieces
 * that have come, without being copied; all else whole. @throws Error for nonsense
 */
export function frameReader(take: (kind: string, data: Buffer) => void): (chunk: Buffer) => void {
  let unread: Buffer = Buffer.alloc(0);
  /** Bytes of input that are still to come of its frame. */
  let input = 0;
  const cut = (size: number) => {
    const part = unread.subarray(0, size);
    unread = unread.subarray(size);
    return part;
  };
  return (chunk) => {
    unread = unread.length === 0 ? chunk : Buffer.concat([unread, chunk]);
    for (;;) {
      if (input > 0 && unread.length > 0) {
        const data = cut(input);
        input -= data.length;
        take('i', data);
      }
      if (unread.length < HEAD) return;
      const length = unread.readUInt32BE(1);
      if (length > LIMIT) throw new Error('a frame that is too long');
      const kind = unread.toString('latin1', 0, 1);
      if (kind === 'i') {
        cut(HEAD);
        input = length;
      } else if (unread.length < HEAD + length) return;
      else take(kind, cut(HEAD + length).subarray(HEAD));
    }
  };
}
