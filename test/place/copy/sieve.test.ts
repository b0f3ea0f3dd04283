import { expect } from 'chai';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

import { END_OF_ARCHIVE, writeMember } from '../../../src/place/tar-member.ts';
import { sieveArchive } from '../../../src/place/tar-sieve.ts';
import { SOAK } from '../../support/soak.ts';
import { tempDir } from '../../support/tempdir.ts';
import { rejection } from './support/places.ts';
import { makeTrees, tree } from './support/random-tree.ts';

async function sieve(bytes: Buffer, chunk = 65536): Promise<Buffer> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  const out: Buffer[] = [];
  for await (const piece of sieveArchive(chunks(), { devices: 0, directories: new Map() })) {
    out.push(piece);
  }
  return Buffer.concat(out);
}

/** What GNU tar writes of a few random trees, in the given format. */
function realArchive(format: string, trees = 10): Buffer {
  const root = tempDir();
  mkdirSync(`${root}/a`);
  makeTrees(`${root}/a`, fc.sample(tree, { numRuns: trees, seed: 7 }));
  const options = ['-c', '-f', '-', `--format=${format}`, '-C', `${root}/a`];
  if (format === 'posix') options.push('--sparse');
  return spawnSync('tar', [...options, '.'], { maxBuffer: 1 << 28 }).stdout;
}

describe('The sieve for archives from a testbed', () => {
  it('writes the same whatever pieces it reads, and passes what it wrote unchanged', async () => {
    for (const format of ['posix', 'gnu']) {
      const real = realArchive(format);
      const once = await sieve(real);
      for (const chunk of [511, 1000, 10240]) {
        expect((await sieve(real, chunk)).equals(once)).to.equal(true);
      }
      expect((await sieve(once)).equals(once)).to.equal(true);
    }
  });

  it('takes a million holes, and refuses so many that they would fill the memory', async () => {
    const common = { mode: 0o755, mtime: '0', size: 0 };
    const withHoles = (parts: number) => {
      const sparse = { realSize: 1, map: new Array<number>(2 * parts).fill(0) };
      const top = writeMember({ ...common, path: '', type: '5' });
      const file = writeMember({ ...common, path: 'a', type: '0', sparse });
      return Buffer.concat([top, file, END_OF_ARCHIVE]);
    };
    const many = withHoles(1_000_000);
    expect((await sieve(many)).equals(many)).to.equal(true);
    const refused = await rejection(sieve(withHoles(5_000_000)));
    expect(refused.message).to.equal('a map of holes that is too long');
  });

  it('refuses damaged archives or writes ones that it would itself pass unchanged', async function () {
    this.timeout(60_000);
    const real = await sieve(realArchive('posix', 3));
    let passed = 0;
    const damage = fc.array(
      fc.record({ at: fc.nat(real.length - 1), byte: fc.nat(255), mend: fc.boolean() }),
      { minLength: 1, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const bytes = Buffer.from(real);
        for (const { at, byte, mend } of changes) {
          bytes[at] = byte;
          if (mend) mendChecksum(bytes, at - (at % 512));
        }
        let once: Buffer;
        try {
          once = await sieve(bytes);
        } catch (error) {
          // What is refused is refused with a line of ours, not by an accident.
          expect((error as Error).name).to.equal('Error');
          return;
        }
        passed += 1;
        expect((await sieve(once)).equals(once)).to.equal(true);
      }),
      { numRuns: SOAK ? 50_000 : 1000 },
    );
    expect(passed).to.be.above(10);
  });
});

/** So that the damage gets past the first check. */
function mendChecksum(bytes: Buffer, block: number): void {
  if (block + 512 > bytes.length) return;
  let sum = 8 * 32;
  for (let at = 0; at < 512; at++) if (at < 148 || at > 155) sum += bytes[block + at] ?? 0;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, block + 148, 'latin1');
}
