import { isUtf8 } from 'node:buffer';

import { bufferOf, type Bytes } from '../bytes.ts';
import { UsageError } from '../errors.ts';

/** How a shell reads what stands in single quotes after a dollar sign: POSIX, Dollar-Single-Quotes. */
const ESCAPES: Record<string, string> = {
  ...{ a: '\x07', b: '\b', e: '\x1b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
  ...{ '\\': '\\', "'": "'", '"': '"' },
};

/**
 * The words of a line as a POSIX shell parts them: white space, backslash, both kinds of quotes,
 * `$'…'` for any bytes, and comments. Where there are variables `$NAME` and `${NAME}` stand for them,
 * never parted again. No globbing, no substitution of commands: a dollar sign in front of anything
 * else stands for itself.
 * @throws UsageError for a quote that is not closed, or a variable that is not set
 */
export function splitShellWords(line: Bytes, variables?: ReadonlyMap<string, Bytes>): Bytes[] {
  const words: Bytes[] = [];
  let word: Bytes | undefined;
  let rest = line;
  /** Takes from the line what matches at its start. */
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    const found = pattern.exec(rest);
    if (found?.index !== 0) return undefined;
    rest = rest.slice(found[0].length);
    return found;
  };
  const add = (text: Bytes) => (word = (word ?? '') + text);
  /** Adds the value of the variable that stands next; false where none does. */
  const addVariable = (): boolean => {
    const found = variables && take(/^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})/);
    if (!found) return false;
    const name = found[1] ?? found[2] ?? '';
    const value = variables.get(name);
    if (value === undefined) throw new UsageError(`the variable ${name} is not set`);
    add(value);
    return true;
  };
  const quoted = () => {
    // An empty pair is a word too.
    add('');
    for (let part; !take(/^"/);) {
      if (addVariable()) continue;
      if ((part = take(/^\\([\\"$`])/))) add(part[1] ?? '');
      else if ((part = take(/^[^]/))) add(part[0]);
      else throw new UsageError('a double quote is not closed');
    }
  };

  while (rest !== '') {
    let part: RegExpExecArray | undefined;
    if (take(/^[ \t\r\n]+/)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (word === undefined && take(/^#[^\n]*/)) continue;
    else if ((part = take(/^\\([^])/))) add(part[1] ?? '');
    else if ((part = take(/^\$'((?:[^\\']|\\[^])*)'/))) add(unescape(part[1] ?? ''));
    else if ((part = take(/^'([^']*)'/))) add(part[1] ?? '');
    else if (take(/^"/)) quoted();
    else if (rest.startsWith("'")) throw new UsageError('a single quote is not closed');
    else if (addVariable()) continue;
    else if ((part = take(/^[^]/))) add(part[0]);
  }
  if (word !== undefined) words.push(word);
  return words;
}

function unescape(text: Bytes): Bytes {
  return text.replace(/\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|[^])/g, (whole, code: string) => {
    if (/^x./.test(code)) return String.fromCharCode(parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(parseInt(code, 8) & 0xff);
    return ESCAPES[code] ?? whole;
  });
}

/** A word as it can be typed again, for completion and for messages: with escapes where it is no text. */
export function quoteShellWord(word: Bytes): Bytes {
  // Shells put a home in place of a tilde, zsh a program in place of a leading equals sign.
  if (/^(?!=)[A-Za-z0-9_.,:=@%+/-]+$/.test(word)) return word;
  // Those of ISO 6429 too, as UTF-8: terminals obey them.
  // eslint-disable-next-line no-control-regex
  const controls = /[\x00-\x1f\x7f]|\xc2[\x80-\x9f]/;
  const isText = isUtf8(bufferOf(word));
  if (isText && !controls.test(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  const escape = (byte: Bytes) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
  const escaped = word
    .replace(/[^\x20-\x7e\x80-\xff]|[\\']/g, escape)
    .replace(/\xc2[\x80-\x9f]/g, (pair) => pair.replace(/[^]/g, escape));
  return `$'${isText ? escaped : escaped.replace(/[\x80-\xff]/g, escape)}'`;
}
