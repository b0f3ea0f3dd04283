import type { Bytes } from '../../bytes.ts';
import { BLOCK, checksum, padding, readHeader } from '../tar-header.ts';
import { readPax } from '../tar-pax.ts';
import { readBytes } from '../tar-reader.ts';
import type { Owner } from './archive-merge.ts';

/**
 * An archive of the host's tar with other owners for some of its directories: those that are there
 * already keep theirs, as with tar's `--no-same-owner`.
 *
 * @param owners by the directory's name in the archive, without a slash at its end
 */
export async function* giveOwners(
  archive: AsyncIterable<Buffer>,
  owners: ReadonlyMap<Bytes, Owner>,
): AsyncGenerator<Buffer> {
  if (owners.size === 0) {
    yield* archive;
    return;
  }
  const reader = readBytes(archive);
  let pax = new Map<string, Bytes>();
  for (;;) {
    const block = Buffer.from(await reader.exactly(BLOCK));
    const header = readHeader(block);
    if (!header) {
      yield block;
      break;
    }
    if (header.type === 'x') {
      const data = await reader.exactly(header.size + padding(header.size));
      pax = readPax(data.subarray(0, header.size));
      yield Buffer.concat([block, data]);
      continue;
    }
    const name = (pax.get('path') ?? header.name).replace(/^\.\/+(?=.)|\/+$/g, '');
    const owner = header.type === '5' ? owners.get(name) : undefined;
    if (owner) writeOwner(block, owner);
    yield block;
    const size = Number(pax.get('size') ?? header.size);
    pax = new Map();
    for (let left = size + padding(size); left > 0;) {
      const data = await reader.atMost(left);
      left -= data.length;
      yield data;
    }
  }
  for (let chunk = await reader.rest(); chunk; chunk = await reader.rest()) yield chunk;
}

function writeOwner(block: Buffer, { uid, gid }: Owner): void {
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  block.write(`${octal(uid, 7)}\0${octal(gid, 7)}\0`, 108, 'latin1');
  block.write(`${octal(checksum(block), 6)}\0 `, 148, 'latin1');
}
