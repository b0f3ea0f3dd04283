import { homedir } from 'node:os';

import { bytesOf, type Argv, type Bytes } from '../../bytes.ts';

/** Which words of a command are names on this host. */
const HOST_WORDS: Readonly<Record<string, number>> = { copydown: 1, copyup: 2 };

/** A line's words as a shell would hand them on: names on this host may begin with `~/`. */
export function expandHomes(words: Argv): Argv {
  const index = HOST_WORDS[words[0] ?? ''];
  return words.map((word, at) => (at === index ? expandHome(word) : word));
}

export function expandHome(path: Bytes): Bytes {
  return path.startsWith('~/') ? bytesOf(homedir()) + path.slice(1) : path;
}
