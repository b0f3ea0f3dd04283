import { percentDecode, percentEncode, type Argv, type Bytes } from '../bytes.ts';
import { ProtocolError } from '../errors.ts';

/** The words of a line: what stands between white space, still encoded. */
export function splitWords(line: Bytes): Bytes[] {
  return line.split(/[ \t\r\v\f]+/).filter((word) => word !== '');
}

/**
 * Undoes the percent encoding of a word (RFC 3986). A malformed escape stands for itself and a
 * plus sign is a plus sign.
 * @throws ProtocolError for an encoded NUL, which no name or argument can hold
 */
export function decodeWord(word: Bytes): Bytes {
  const decoded = percentDecode(word);
  if (decoded.includes('\0')) throw new ProtocolError('a word holds a NUL byte');
  return decoded;
}

/** The members of a list word: commas part them, then each is decoded on its own. */
export function decodeList(word: Bytes): Bytes[] {
  return word.split(',').map(decodeWord);
}

/** A value of a reply as it stands on the wire. */
export function encodeWord(bytes: Bytes): Bytes {
  return percentEncode(bytes);
}

/** A list word: its commas stand bare, its members are encoded. */
export function encodeList(members: Argv): Bytes {
  return members.map(encodeWord).join(',');
}

/** `name` or `name=value` with the value encoded and the rest bare, as capabilities are. */
export function encodeSetting(name: string, value?: Bytes): Bytes {
  return value === undefined ? name : `${name}=${encodeWord(value)}`;
}
