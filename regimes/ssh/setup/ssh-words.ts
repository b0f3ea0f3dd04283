import { UsageError } from '../../../src/errors.ts';
import { readPort } from '../connection/keywords.ts';
import type { Request } from '../connection/target.ts';

/** What words for the command line of ssh(1) can say here. */
export type SshWords = Pick<Request, 'user' | 'port' | 'identityFiles' | 'options'>;

/** Options that change nothing here: how much is said, forwarding, what the terminal is. */
const WITHOUT_EFFECT = /^-[46AaCfgKkMNnqsTtVvXxYy]+$/;

/** Options of ssh(1) that stand for a keyword of ssh_config(5). */
const KEYWORDS: Partial<Record<string, string>> = { J: 'ProxyJump' };

/**
 * Reads options as for the command line of ssh(1).
 * @throws UsageError that names the one that means nothing here
 */
export function readSshWords(words: readonly string[]): SshWords {
  const identityFiles: string[] = [];
  const options: [string, string][] = [];
  const rest = [...words];
  let user: string | undefined;
  let port: number | undefined;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (WITHOUT_EFFECT.test(word)) continue;
    const [, letter, bound] = /^-([JilopF])(.*)$/s.exec(word) ?? [];
    if (letter === undefined) throw new UsageError(`ssh's option ${word} means nothing here`);
    const value = bound || rest.shift();
    if (value === undefined) throw new UsageError(`ssh's option ${word} needs a value`);
    const keyword = KEYWORDS[letter];
    if (keyword !== undefined) options.push([keyword, value]);
    else if (letter === 'o') options.push(readPair(value));
    else if (letter === 'l') user = value;
    else if (letter === 'p') port = readPort(value);
    else if (letter === 'i') identityFiles.push(value);
    else throw new UsageError(`ssh's option ${word} means nothing here`);
  }
  return {
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port }),
    ...(identityFiles.length > 0 && { identityFiles }),
    ...(options.length > 0 && { options }),
  };
}

/** `KEYWORD=VALUE` or `KEYWORD VALUE`. */
function readPair(text: string): [string, string] {
  const [, keyword, value] = /^\s*(\w+)(?:\s*=\s*|\s+)(.+)$/s.exec(text) ?? [];
  if (keyword === undefined || value === undefined) {
    throw new UsageError(`not KEYWORD=VALUE: ${text}`);
  }
  return [keyword, value];
}
