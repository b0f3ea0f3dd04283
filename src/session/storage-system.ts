import * as fs from 'node:fs';
import { promisify } from 'node:util';

/**
 * The file operations that the storage of a session is made of, and nothing else: tests put a
 * recorder, or a disk that fails at a chosen moment, in its place. Names are relative to an opened
 * directory. Errors are those of the system calls, with their `code`.
 */
export interface StorageSystem {
  /** Opens a directory (no symlink) to work relative to. */
  openDirectory(path: string): Promise<number>;
  /** Creates a file, mode 0600, for writing; EEXIST where the name is taken. */
  create(directory: number, name: string): Promise<number>;
  /** Writes once; resolves with the number of bytes that were taken, which may be fewer. */
  write(file: number, bytes: Buffer): Promise<number>;
  /** Waits until a file's data, or a directory's entries, are on disk. */
  sync(descriptor: number): Promise<void>;
  rename(directory: number, from: string, to: string): Promise<void>;
  unlink(directory: number, name: string): Promise<void>;
  /** The whole content of a file (no symlink). */
  read(directory: number, name: string): Promise<Buffer>;
  close(descriptor: number): Promise<void>;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = fs.constants;

const open = promisify(fs.open);
const close = promisify(fs.close);
const write = promisify(fs.write);
const fsync = promisify(fs.fsync);
const rename = promisify(fs.rename);
const unlink = promisify(fs.unlink);
const readFile = promisify(fs.readFile);

/**
 * Node has no openat(2). A path through the descriptor's own entry in /proc is one: the kernel goes
 * on from the directory that was opened, wherever that has been renamed to since.
 */
function inside(directory: number, name: string): string {
  return `/proc/self/fd/${directory}/${name}`;
}

/**
 * The real file system. Plain descriptors and not FileHandles: a FileHandle closes itself when it
 * is collected as garbage.
 */
export const fileSystem: StorageSystem = {
  openDirectory: (path) => open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
  create: (directory, name) =>
    open(inside(directory, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
  write: async (file, bytes) => (await write(file, bytes)).bytesWritten,
  sync: (descriptor) => fsync(descriptor),
  rename: (directory, from, to) => rename(inside(directory, from), inside(directory, to)),
  unlink: (directory, name) => unlink(inside(directory, name)),
  read: async (directory, name) => {
    const file = await open(inside(directory, name), O_RDONLY | O_NOFOLLOW);
    try {
      return await readFile(file);
    } finally {
      await close(file);
    }
  },
  close: (descriptor) => close(descriptor),
};
