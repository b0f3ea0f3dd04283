/**
 * A string in which each character stands for one byte (ISO 8859-1). File names
 * and arguments of a testbed are bytes, not text: everything that travels
 * between the protocol and a testbed has this type, and is turned into text
 * only to be shown. ASCII literals are `Bytes` as they stand.
 */
export type Bytes = string;

/** A command and its arguments, each member bytes. */
export type Argv = readonly Bytes[];

/** The bytes of a text in UTF-8, for what comes from argv, files of ours or libraries. */
export function bytesOf(text: string): Bytes {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Bytes as text to show to a person. What is not UTF-8 becomes a replacement character. */
export function textOf(bytes: Bytes): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Bytes as the buffer that Node's file system calls take. */
export function bufferOf(bytes: Bytes): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** Percent-encodes everything but the unreserved characters of RFC 3986 and `/`. */
export function percentEncode(bytes: Bytes): Bytes {
  return bytes.replace(
    /[^A-Za-z0-9_.~/-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Undoes the percent encoding. A malformed escape stands for itself and a plus sign is a plus sign. */
export function percentDecode(bytes: Bytes): Bytes {
  return bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
}

/** True where every byte is below 0x80, so that bytes and text are the same string. */
export function isAscii(value: string): boolean {
  // eslint-disable-next-line no-control-regex
  return /^[\x00-\x7f]*$/.test(value);
}
