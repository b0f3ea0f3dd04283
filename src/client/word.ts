import { bytesOf, type Bytes } from '../bytes.ts';

/** A name or an argument: text in UTF-8, or its very bytes. */
export type Word = string | Uint8Array;

export function bytesOfWord(word: Word): Bytes {
  return typeof word === 'string' ? bytesOf(word) : Buffer.from(word).toString('latin1');
}
