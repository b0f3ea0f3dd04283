import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';

import { bufferOf, type Bytes } from '../../src/bytes.ts';

/** A directory on this host that only its owner may enter. */
export interface OwnDirectory {
  readonly path: Bytes;
  /**
   * The same under a name that is short and free of odd bytes, while this process lives: a socket's
   * path may have 107 bytes, and what a caller decodes twice may hold no percent sign.
   */
  readonly short: string;
  /** Gives up the short name. May be called again, as `remove`. */
  close(): void;
  /** Removes it with what is in it. */
  remove(): void;
}

/** Makes a directory, or takes the one that is there. */
export function ownDirectory(path: Bytes): OwnDirectory {
  const name = bufferOf(path);
  mkdirSync(name, { recursive: true, mode: 0o700 });
  const descriptor = openSync(name, 'r');
  let open = true;
  const close = () => {
    if (open) closeSync(descriptor);
    open = false;
  };
  return {
    path,
    short: `/proc/${process.pid}/fd/${descriptor}`,
    close,
    remove() {
      rmSync(name, { recursive: true, force: true });
      close();
    },
  };
}
