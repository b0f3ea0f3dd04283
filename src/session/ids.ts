import { closeSync, openSync, readSync } from 'node:fs';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** Characters of a session id: 36^10 of them, so that two machines hardly ever meet in one. */
export const ID_LENGTH = 10;

const SESSION_NAME = /^regime-([a-z0-9]{6,})\.session$/;

/**
 * Random characters of [a-z0-9]. Read from the kernel's device: loading node:crypto would cost a
 * starting server milliseconds.
 */
export function randomId(length = ID_LENGTH): string {
  const device = openSync('/dev/urandom', 'r');
  try {
    const bytes = Buffer.alloc(2 * length);
    let id = '';
    while (id.length < length) {
      readSync(device, bytes);
      for (const byte of bytes) {
        // The last four values would make the first letters likelier than the others.
        if (byte < 252 && id.length < length) id += ALPHABET.charAt(byte % 36);
      }
    }
    return id;
  } finally {
    closeSync(device);
  }
}

/** The name of a session's directory. */
export function sessionName(id: string): string {
  return `regime-${id}.session`;
}

/** The id in the name of a session's directory; undefined where the name is not one of ours. */
export function idOfName(name: string): string | undefined {
  return SESSION_NAME.exec(name)?.[1];
}
