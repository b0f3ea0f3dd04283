import type { Bytes } from '../bytes.ts';

/**
 * Reads a stream until it ends or is destroyed, and keeps its last `limit` bytes.
 * @param heard told of each piece as it comes
 */
export async function collect(
  stream: NodeJS.ReadableStream | null,
  limit: number,
  heard?: (piece: Bytes) => void,
): Promise<Bytes> {
  if (!stream) return '';
  let chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      const bytes = chunk as Buffer;
      chunks.push(bytes);
      heard?.(bytes.toString('latin1'));
      size += bytes.length;
      // Joined only now and then: a slice for every chunk would copy the whole each time.
      if (size > 2 * limit) {
        chunks = [Buffer.concat(chunks).subarray(-limit)];
        size = limit;
      }
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw cause;
  }
  return Buffer.concat(chunks).subarray(-limit).toString('latin1');
}
