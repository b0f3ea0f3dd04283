import { bytesOf, type Argv, type Bytes } from '../../bytes.ts';
import { homesOf } from '../../home.ts';
import { WORD_KINDS } from './word-kinds.ts';

/** A line's words as a shell would hand them on: names on this host may begin with `~/`. */
export function expandHomes(words: Argv): Argv {
  const kinds = WORD_KINDS[words[0] ?? ''];
  return words.map((word, at) => (kinds?.[at - 1] === 'host' ? expandHome(word) : word));
}

export function expandHome(path: Bytes): Bytes {
  const [home] = homesOf();
  return home !== undefined && path.startsWith('~/') ? bytesOf(home) + path.slice(1) : path;
}
