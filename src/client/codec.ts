import type { Argv, Bytes } from '../bytes.ts';

/** Encodes a word that a caller sends: each byte that could be taken for something else. */
export function encode(word: Bytes): Bytes {
  return word.replace(
    /[^A-Za-z0-9_.~/-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Encodes a list word. */
export function encodeMembers(members: Argv): Bytes {
  return members.map(encode).join(',');
}

/** Undoes the percent encoding; a malformed escape stands for itself. */
export function decode(word: Bytes): Bytes {
  return word.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
}

/** The members of a list word as harnesses of both generations read it: decoded twice. */
export function decodeMembers(word: Bytes): Bytes[] {
  return decode(word).split(',').map(decode);
}
