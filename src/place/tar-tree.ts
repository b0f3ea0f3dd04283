import type { Bytes } from '../bytes.ts';

/** What has come through of a tree so far; each call throws where the next member doesn't fit. */
export interface SieveTree {
  addDirectory(path: Bytes): void;
  addFile(path: Bytes): void;
  /** A member that is not made: hard links to it are left out as well. */
  addLeftOut(path: Bytes): void;
  /** False where the target was left out. */
  addHardLink(path: Bytes, target: Bytes): boolean;
}

/** Bytes of names that we remember: an archive of endless names must not fill the memory. */
const NAMES_LIMIT = 512 << 20;

/** An empty tree. */
export function createTree(): SieveTree {
  const directories = new Set<Bytes>();
  const files = new Set<Bytes>();
  const leftOut = new Set<Bytes>();
  let names = 0;

  const admit = (path: Bytes) => {
    names += path.length + 16;
    if (names > NAMES_LIMIT) throw new Error('too many names');
    if (files.has(path) || directories.has(path) || leftOut.has(path)) {
      throw new Error('a name that comes twice');
    }
    if (path === '') return;
    const slash = path.lastIndexOf('/');
    if (!directories.has(slash < 0 ? '' : path.slice(0, slash))) {
      throw new Error('a name below something that is no directory');
    }
  };
  const addFile = (path: Bytes) => {
    if (path === '') throw new Error('a top that is no directory');
    admit(path);
    files.add(path);
  };
  const addLeftOut = (path: Bytes) => {
    admit(path);
    leftOut.add(path);
  };
  return {
    addDirectory(path) {
      admit(path);
      directories.add(path);
    },
    addFile,
    addLeftOut,
    addHardLink(path, target) {
      if (leftOut.has(target)) {
        addLeftOut(path);
        return false;
      }
      if (!files.has(target)) throw new Error('a hard link to what did not come before it');
      addFile(path);
      return true;
    },
  };
}

/**
 * A member's name as a path relative to the top: a leading `./` and slashes at the end are taken
 * off, all else that is not plain is refused. The top itself is the empty path.
 */
export function cleanPath(name: Bytes): Bytes {
  const path = name.replace(/^\.(\/+|$)/, '').replace(/\/+$/, '');
  if (name === '' || name.startsWith('/') || path.includes('\0')) {
    throw new Error('a name that leads out of the tree');
  }
  if (path === '') return path;
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw new Error('a name that leads out of the tree');
  }
  return path;
}

/** The same for names that all begin with one, the top directory's. */
export function pathBelow(top: Bytes | undefined, name: Bytes): Bytes {
  if (top === undefined) return cleanPath(name);
  const rest = name.slice(top.length);
  if (name.startsWith(top) && /^(\/|$)/.test(rest)) return cleanPath(`.${rest}`);
  throw new Error('a name that leads out of the tree');
}
