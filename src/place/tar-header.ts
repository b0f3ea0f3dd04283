import type { Bytes } from '../bytes.ts';

/** A header block of a tar archive, fields as they stand in it. */
export interface TarHeader {
  name: Bytes;
  /** One character; NUL for a regular file of the oldest format. */
  type: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Seconds since 1970 as decimal text, which pax may replace by one with a fraction. */
  mtime: string;
  linkName: Bytes;
}

/** Every unit of an archive is a multiple of this many bytes. */
export const BLOCK = 512;

/** Bytes up to the next block. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/**
 * Reads one header block:
 * name 0+100, mode 100+8, uid 108+8, gid 116+8, size 124+12, mtime 136+12, checksum 148+8,
 * type 156+1, link name 157+100, magic 257+6, (version, owner names, devices 263+82), prefix 345+155.
 *
 * @returns undefined for a block of zeros, the end of an archive
 * @throws Error with one line for anything that is no header
 */
export function readHeader(block: Buffer): TarHeader | undefined {
  const sum = checksum(block);
  if (sum === 8 * 32) return undefined;
  if (number(block, 148, 8) !== BigInt(sum)) throw new Error('a header with a wrong checksum');
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? textIn(block, 345, 155) : '';
  const name = textIn(block, 0, 100);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    type: String.fromCharCode(block[156] ?? 0),
    mode: Number(number(block, 100, 8) & 0o7777n),
    uid: Number(number(block, 108, 8)),
    gid: Number(number(block, 116, 8)),
    size: sizeOf(number(block, 124, 12)),
    mtime: number(block, 136, 12).toString(),
    linkName: textIn(block, 157, 100),
  };
}

/** A size as a number. @throws Error where it is negative or beyond 2^53. */
export function sizeOf(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error('an impossible size');
  return Number(value);
}

/** The sum of all bytes, with the checksum's own field counted as eight spaces. */
export function checksum(block: Buffer): number {
  let sum = 8 * 32;
  for (let at = 0; at < 148; at++) sum += block[at] ?? 0;
  for (let at = 156; at < BLOCK; at++) sum += block[at] ?? 0;
  return sum;
}

/** A text that ends at its first NUL or with its field. */
export function textIn(block: Buffer, start = 0, length = block.length): Bytes {
  const end = block.indexOf(0, start);
  return block.toString('latin1', start, end < 0 || end > start + length ? start + length : end);
}

/** Octal digits, or two's complement in base 256 where the first byte has its high bit set (GNU). */
function number(block: Buffer, start: number, length: number): bigint {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    let value = BigInt(first & 0x7f);
    for (let at = start + 1; at < start + length; at++)
      value = value * 256n + BigInt(block[at] ?? 0);
    const bits = BigInt(8 * length - 1);
    return first & 0x40 ? value - (1n << bits) : value;
  }
  const digits = textIn(block, start, length).trim();
  if (digits === '') return 0n;
  if (!/^[0-7]+$/.test(digits)) throw new Error('a number in a header that is none');
  return BigInt(`0o${digits}`);
}
