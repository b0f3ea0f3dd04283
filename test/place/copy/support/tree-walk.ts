import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What a strict comparison knows of one entry. Names are bytes (latin1 strings). */
export interface Seen {
  path: string;
  type: string;
  mode: number;
  mtime: string;
  /** Size and digest of a file's content, a link's target, a device's number. */
  content: string;
  /** The first path, in order, of the file's hard links within the tree. */
  twin: string;
  holes: boolean;
}

/**
 * Lists a tree with all that a copy has to keep, by nothing but lstat, readdir, readlink and read.
 * @param mask what counts of the modes
 */
export function walkTree(root: string, mask = 0o7777): Seen[] {
  const seen: Seen[] = [];
  const inodes = new Map<bigint, string>();
  const visit = (path: string) => {
    const full = Buffer.from(path === '' ? root : `${root}/${path}`, 'latin1');
    const found = lstatSync(full, { bigint: true });
    const type = (Number(found.mode) >> 12).toString(8);
    const twin = inodes.get(found.ino) ?? path;
    inodes.set(found.ino, twin);
    let content = '';
    if (found.isSymbolicLink()) content = readlinkSync(full, 'buffer').toString('latin1');
    else if (found.isFile()) content = fileContent(full, found.size);
    else if (!found.isDirectory()) content = String(found.rdev);
    seen.push({
      path,
      type,
      mode: found.isSymbolicLink() ? 0o777 : Number(found.mode) & mask,
      mtime: String(found.mtimeNs),
      content,
      twin,
      holes: found.isFile() && found.blocks * 512n < found.size,
    });
    if (!found.isDirectory()) return;
    const names = readdirSync(full, 'buffer').map((name) => name.toString('latin1'));
    for (const name of names.sort()) visit(path === '' ? name : `${path}/${name}`);
  };
  visit('');
  return seen;
}

/** What differs between two lists, short enough to be read. */
export function differences(actual: readonly Seen[], wanted: readonly Seen[]): string[] {
  const lines = (list: readonly Seen[]) => new Set(list.map((entry) => JSON.stringify(entry)));
  const [have, want] = [lines(actual), lines(wanted)];
  return [
    ...[...have].filter((line) => !want.has(line)).map((line) => `+ ${line}`),
    ...[...want].filter((line) => !have.has(line)).map((line) => `- ${line}`),
  ].slice(0, 10);
}

function fileContent(name: Buffer, size: bigint): string {
  // A huge file is a sparse one here; what it holds is another test's business.
  if (size > 64n << 20n) return String(size);
  return `${size} ${createHash('sha1').update(readFileSync(name)).digest('hex')}`;
}
