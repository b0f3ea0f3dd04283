/** Takes exact amounts of bytes from a stream of chunks. */
export interface ByteReader {
  /** Exactly so many bytes. @throws Error where the stream ends before. */
  exactly(size: number): Promise<Buffer>;
  /** At least one and at most so many bytes, without copying. @throws Error at the end. */
  atMost(size: number): Promise<Buffer>;
  /** The next chunk, or undefined at the end. */
  rest(): Promise<Buffer | undefined>;
}

/** Reads from chunks as they come; holds no more than one chunk beyond what is asked for. */
export function readBytes(chunks: AsyncIterable<Buffer>): ByteReader {
  const source = chunks[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);

  const next = async (): Promise<Buffer> => {
    const result = await source.next();
    if (result.done) throw new Error('an archive that ends in the middle');
    return result.value;
  };
  const cut = (size: number): Buffer => {
    const part = held.subarray(0, size);
    held = held.subarray(size);
    return part;
  };
  return {
    async exactly(size) {
      if (held.length >= size) return cut(size);
      const parts = [held];
      let have = held.length;
      while (have < size) {
        const chunk = await next();
        parts.push(chunk);
        have += chunk.length;
      }
      held = Buffer.concat(parts);
      return cut(size);
    },
    async atMost(size) {
      while (held.length === 0) held = await next();
      return cut(size);
    },
    async rest() {
      if (held.length > 0) return cut(held.length);
      const result = await source.next();
      return result.done ? undefined : result.value;
    },
  };
}
