import { bufferOf, type Bytes } from '../bytes.ts';
import { BLOCK, checksum, padding } from './tar-header.ts';
import { paxRecord } from './tar-pax.ts';

/** A member of an archive as we write it. */
export interface TarMember {
  /** Relative, without a leading `./`; the empty name is the top directory. */
  path: Bytes;
  /** 0 regular file, 1 hard link, 2 symbolic link, 5 directory, 6 FIFO. */
  type: '0' | '1' | '2' | '5' | '6';
  mode: number;
  /** Seconds since 1970, decimal, with a fraction where there is one. */
  mtime: string;
  linkName?: Bytes;
  /** Bytes of data that follow, holes not counted. */
  size: number;
  /** For a file with holes: its size with them, and where its data go. */
  sparse?: { realSize: number; map: SparseMap };
}

/** Where a file has data: offset and length of each part, flat, as there may be millions of them. */
export type SparseMap = readonly number[];

/** What eleven octal digits hold. */
const LARGEST = 0o77777777777;

/** The end of an archive: two blocks of zeros. */
export const END_OF_ARCHIVE = Buffer.alloc(2 * BLOCK);

/**
 * A member's headers in the pax format, with GNU's sparse format 1.0 for holes: everything before
 * the data. Only what the plain header can't hold goes into a pax header, which costs two blocks.
 */
export function writeMember(member: TarMember): Buffer {
  const name = `./${member.path}`;
  const map = member.sparse && sparseMap(member.sparse.map);
  const size = member.size + (map?.length ?? 0);
  let pax = '';
  if (member.sparse) {
    pax += paxRecord('GNU.sparse.major', '1') + paxRecord('GNU.sparse.minor', '0');
    pax += paxRecord('GNU.sparse.name', name);
    pax += paxRecord('GNU.sparse.realsize', String(member.sparse.realSize));
  } else if (name.length > 100) pax += paxRecord('path', name);
  const linkName = member.linkName ?? '';
  if (linkName.length > 100) pax += paxRecord('linkpath', linkName);
  if (size > LARGEST) pax += paxRecord('size', String(size));
  if (!fitsOctal(member.mtime)) pax += paxRecord('mtime', member.mtime);
  const header = headerBlock(name, member.type, member.mode, size, member.mtime, linkName);
  const parts = map ? [header, map] : [header];
  if (pax === '') return parts.length === 1 ? header : Buffer.concat(parts);
  const records = bufferOf(pax + '\0'.repeat(padding(pax.length)));
  return Buffer.concat([headerBlock('./pax', 'x', 0o644, pax.length, '0', ''), records, ...parts]);
}

/** The map that stands before the data: a count, then offset and length of each part, one a line. */
function sparseMap(map: SparseMap): Buffer {
  const text = `${[map.length / 2, ...map].join('\n')}\n`;
  return bufferOf(text + '\0'.repeat(padding(text.length)));
}

function headerBlock(
  name: Bytes,
  type: string,
  mode: number,
  size: number,
  mtime: string,
  linkName: Bytes,
): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name.slice(0, 100), 0, 'latin1');
  block.write(octal(mode, 7), 100, 'latin1');
  block.write('0000000\0' + '0000000\0', 108, 'latin1');
  block.write(octal(Math.min(size, LARGEST), 11), 124, 'latin1');
  const seconds = Number.parseInt(mtime, 10);
  block.write(octal(Math.min(Math.max(seconds, 0), LARGEST), 11), 136, 'latin1');
  block.write(type, 156, 'latin1');
  block.write(linkName.slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(`${octal(checksum(block), 6)}\0 `, 148, 'latin1');
  return block;
}

/** True for whole seconds from 1970 on that eleven octal digits hold. */
function fitsOctal(mtime: string): boolean {
  return /^\d{1,10}$/.test(mtime) && Number(mtime) <= LARGEST;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}
