import type { Bytes } from '../../bytes.ts';
import { shown } from '../../errors.ts';
import { fail } from '../check.ts';
import { runCommand } from '../command.ts';
import type { Bed } from '../bed.ts';
import type { Trial, OpenOptions } from '../trial.ts';

export type Direction = 'down' | 'up';

/** One end of a copy: the host or the testbed. */
export interface Side {
  /** A directory there that is this case's own. */
  readonly path: Bytes;
  /** Runs a script there, with the directory as its current one. */
  sh(script: Bytes, ...words: Bytes[]): Promise<Bytes>;
  /** True where a test(1) expression holds in the directory. */
  test(...words: Bytes[]): Promise<boolean>;
}

/** A session and the two ends of its copies. */
export interface Sides {
  readonly bed: Bed;
  readonly source: Side;
  readonly destination: Side;
  /** Sends the copy command with paths below the two directories; resolves to the reply. */
  copy(from: Bytes, to: Bytes): Promise<Bytes>;
}

/** Opens a testbed for copies in one direction. */
export async function openSides(
  t: Trial,
  direction: Direction,
  options?: OpenOptions,
): Promise<Sides> {
  const bed = options ? await t.open(options) : await t.share();
  const host = hostSide(t.directory());
  const testbed = testbedSide(bed, bed.scratch);
  const [source, destination] = direction === 'down' ? [host, testbed] : [testbed, host];
  return {
    bed,
    source,
    destination,
    async copy(from, to) {
      const words = [`${source.path}/${from}`, `${destination.path}/${to}`] as const;
      return (await bed.client.request(`copy${direction}`, ...words)).line;
    },
  };
}

export const DIRECTIONS: readonly Direction[] = ['down', 'up'];

const THERE = 'cd "$1"; shift;';

export function hostSide(path: Bytes): Side {
  const run = (script: Bytes, words: readonly Bytes[]) =>
    runCommand(['sh', '-ec', script, 'sh', path, ...words]);
  return {
    path,
    async sh(script, ...words) {
      const done = await run(`${THERE} ${script}`, words);
      if ('status' in done.ending && done.ending.status === 0) return done.stdout;
      return fail(`on the host, ${shown(script, 200)}: ${shown(done.stderr, 200)}`);
    },
    async test(...words) {
      const { ending } = await run(`${THERE} test "$@"`, words);
      return 'status' in ending && ending.status === 0;
    },
  };
}

export function testbedSide(bed: Bed, path: Bytes): Side {
  return {
    path,
    sh: (script, ...words) => bed.sh(`${THERE} ${script}`, path, ...words),
    async test(...words) {
      const { ending } = await bed.run(['sh', '-ec', `${THERE} test "$@"`, 'sh', path, ...words]);
      return 'status' in ending && ending.status === 0;
    },
  };
}
