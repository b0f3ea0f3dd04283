import type { Bytes } from '../bytes.ts';
import { BLOCK, padding, readHeader, sizeOf, textIn, type TarHeader } from './tar-header.ts';
import { END_OF_ARCHIVE, writeMember, type SparseMap, type TarMember } from './tar-member.ts';
import { readPax } from './tar-pax.ts';
import { readBytes, type ByteReader } from './tar-reader.ts';
import { createTree, pathBelow, type SieveTree } from './tar-tree.ts';

/** What a sieve is told and what it tells. */
export interface SieveNotes {
  /** Where one file is expected and nothing else: the name that it gets. */
  singleFile?: Bytes;
  /** What each name begins with; left out where that is the usual full stop. */
  top?: Bytes;
  /** Devices that were left out. */
  devices: number;
  /** The directories that came through, by path, with what they are to have in the end. */
  readonly directories: Map<Bytes, { mode: number; mtime: string }>;
}

/** Bytes of a pax header or long name that we take; Linux knows no name longer than 4096. */
const META_LIMIT = 1 << 20;
/** Bytes of a map of holes. */
const MAP_LIMIT = 16 << 20;
/** Bytes after the end of an archive: tar pads to its record size. */
const TRAILER_LIMIT = 1 << 20;
/** Output is handed on in pieces of about this size: a write for each header would cost too much. */
const PIECE = 256 << 10;

/**
 * Reads an archive from a testbed that is not trusted and writes a new one that says only what we
 * understood, in one canonical form: nothing that tar programs could read in two ways gets
 * through. Each member's parent is a directory that came before it, no name comes twice and a hard
 * link names a file that came before it, so no member can lie behind a link or outside the tree.
 * Devices are left out, set-uid and set-gid bits and owners are dropped.
 *
 * @throws Error with one line, to be read after "the testbed sent", for everything else
 */
export async function* sieveArchive(
  source: AsyncIterable<Buffer>,
  notes: SieveNotes,
): AsyncGenerator<Buffer> {
  const reader = readBytes(source);
  const tree = createTree();
  let pieces: Buffer[] = [];
  let size = 0;
  const add = (bytes: Buffer) => {
    pieces.push(bytes);
    size += bytes.length;
  };
  const flush = () => {
    const all = Buffer.concat(pieces);
    pieces = [];
    size = 0;
    return all;
  };
  let members = 0;
  for (;;) {
    const entry = await readEntry(reader);
    if (!entry) break;
    const member = await admit(entry, reader, tree, notes);
    if (member && notes.singleFile !== undefined && ++members > 1) {
      throw new Error('more than the one file');
    }
    if (member) add(writeMember(member));
    for (let left = member ? member.size : entry.size; left > 0;) {
      const data = await reader.atMost(left);
      left -= data.length;
      if (!member) continue;
      // Whole chunks go on as they are; only what is small is worth copying into a bigger piece.
      if (data.length >= PIECE / 8) {
        if (size > 0) yield flush();
        yield data;
      } else add(data);
    }
    const pad = padding(entry.size);
    if (pad > 0) await reader.exactly(pad);
    if (member && padding(member.size) > 0) add(END_OF_ARCHIVE.subarray(0, padding(member.size)));
    if (size >= PIECE) yield flush();
  }
  await readTrailer(reader);
  add(END_OF_ARCHIVE);
  yield flush();
}

interface Entry extends TarHeader {
  pax: Map<string, Bytes>;
}

/** The next header with the pax headers and GNU long names that stand before it. */
export async function readEntry(reader: ByteReader): Promise<Entry | undefined> {
  let pax = new Map<string, Bytes>();
  let longName: Bytes | undefined;
  let longLink: Bytes | undefined;
  for (;;) {
    const header = readHeader(await reader.exactly(BLOCK));
    if (!header) return undefined;
    const { type } = header;
    if (type === 'x') pax = readPax(await readMeta(reader, header.size));
    else if (type === 'g') await readMeta(reader, header.size);
    else if (type === 'L') longName = textIn(await readMeta(reader, header.size));
    else if (type === 'K') longLink = textIn(await readMeta(reader, header.size));
    else {
      return {
        ...header,
        name: pax.get('GNU.sparse.name') ?? pax.get('path') ?? longName ?? header.name,
        linkName: pax.get('linkpath') ?? longLink ?? header.linkName,
        size: decimal(pax.get('size')) ?? header.size,
        mtime: timestamp(pax.get('mtime') ?? header.mtime),
        pax,
      };
    }
  }
}

/** Decides what becomes of an entry; undefined leaves it out. */
async function admit(
  entry: Entry,
  reader: ByteReader,
  tree: SieveTree,
  notes: SieveNotes,
): Promise<TarMember | undefined> {
  const path = notes.singleFile ?? pathBelow(notes.top, entry.name);
  const { mtime, size } = entry;
  // Sticky stays; set-uid and set-gid don't come up from a testbed.
  const mode = entry.mode & 0o1777;
  if (notes.singleFile !== undefined && !isRegular(entry.type)) throw new Error('no regular file');
  switch (entry.type) {
    case '0':
    case '7':
    case '\0': {
      if (entry.name.endsWith('/')) throw new Error('a file that is named as a directory');
      if (notes.singleFile === undefined) tree.addFile(path);
      const member: TarMember = { path, type: '0', mode, mtime, size };
      if (!isSparse(entry.pax)) return member;
      const { map, taken } = await readSparseMap(reader, size);
      const realSize = decimal(entry.pax.get('GNU.sparse.realsize')) ?? 0;
      checkMap(map, size - taken, realSize);
      return { ...member, size: size - taken, sparse: { realSize, map } };
    }
    case '1': {
      const linkName = pathBelow(notes.top, entry.linkName);
      if (!tree.addHardLink(path, linkName)) return undefined;
      return { path, type: '1', mode, mtime, size: noData(size), linkName: `./${linkName}` };
    }
    case '2': {
      if (entry.linkName === '' || entry.linkName.includes('\0')) throw new Error('an empty link');
      tree.addFile(path);
      return { path, type: '2', mode: 0o777, mtime, size: noData(size), linkName: entry.linkName };
    }
    case '3':
    case '4':
      tree.addLeftOut(path);
      notes.devices += 1;
      noData(size);
      return undefined;
    case '5':
      tree.addDirectory(path);
      notes.directories.set(path, { mode, mtime });
      return { path, type: '5', mode, mtime, size: noData(size) };
    case '6':
      tree.addFile(path);
      return { path, type: '6', mode, mtime, size: noData(size) };
    default:
      throw new Error(`a member of type ${JSON.stringify(entry.type)}`);
  }
}

function isRegular(type: string): boolean {
  return type === '0' || type === '7' || type === '\0';
}

/** GNU's sparse format 1.0; the older ones are refused, because nobody writes them in pax archives. */
function isSparse(pax: Map<string, Bytes>): boolean {
  const keys = [...pax.keys()].filter((key) => key.startsWith('GNU.sparse.'));
  if (keys.length === 0) return false;
  if (pax.get('GNU.sparse.major') !== '1' || pax.get('GNU.sparse.minor') !== '0') {
    throw new Error('a file with holes in a format that is not understood');
  }
  return true;
}

/** A count, then an offset and a length for each part, one decimal number a line, padded. */
async function readSparseMap(
  reader: ByteReader,
  size: number,
): Promise<{ map: SparseMap; taken: number }> {
  const numbers: number[] = [];
  let unread = '';
  let taken = 0;
  while (numbers.length === 0 || numbers.length < 1 + 2 * (numbers[0] ?? 0)) {
    if (taken >= Math.min(size, MAP_LIMIT)) throw new Error('a map of holes that is too long');
    unread += (await reader.exactly(BLOCK)).toString('latin1');
    taken += BLOCK;
    const lines = unread.split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) {
      if (numbers.length > 0 && numbers.length === 1 + 2 * (numbers[0] ?? 0)) break;
      numbers.push(decimal(line) ?? 0);
    }
    if (unread.length > BLOCK) throw new Error('a broken map of holes');
  }
  return { map: numbers.slice(1), taken };
}

function checkMap(map: SparseMap, dataSize: number, realSize: number): void {
  let end = 0;
  let sum = 0;
  for (let at = 0; at < map.length; at += 2) {
    const [offset = 0, length = 0] = [map[at], map[at + 1]];
    if (offset < end) throw new Error('a broken map of holes');
    end = offset + length;
    sum += length;
  }
  if (end > realSize || sum !== dataSize) throw new Error('a broken map of holes');
}

async function readMeta(reader: ByteReader, size: number): Promise<Buffer> {
  if (size > META_LIMIT) throw new Error('a header that is too long');
  const data = await reader.exactly(size + padding(size));
  return data.subarray(0, size);
}

async function readTrailer(reader: ByteReader): Promise<void> {
  let size = 0;
  for (let chunk = await reader.rest(); chunk; chunk = await reader.rest()) {
    size += chunk.length;
    if (size > TRAILER_LIMIT) throw new Error('more after the end of the archive');
  }
}

function decimal(value: Bytes | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,19}$/.test(value)) throw new Error('a number that is none');
  return sizeOf(BigInt(value));
}

function timestamp(value: Bytes): string {
  if (!/^-?\d{1,19}(\.\d{1,30})?$/.test(value)) throw new Error('a time that is none');
  return value;
}

function noData(size: number): 0 {
  if (size !== 0) throw new Error('data in a member that has none');
  return 0;
}
