import { UsageError } from '../../src/errors.ts';
import { readOption } from './connection/keywords.ts';

/** A keyword of ssh_config(5) with its value. */
type Option = readonly [keyword: string, value: string];

/** Options of ssh(1) with a value, as keywords. */
const WITH_VALUE: Record<string, string> = {
  i: 'IdentityFile',
  J: 'ProxyJump',
  l: 'User',
  p: 'Port',
};

const SWITCHES: Record<string, Option> = {
  4: ['AddressFamily', 'inet'],
  6: ['AddressFamily', 'inet6'],
};

/** Switches of ssh(1) that change nothing here: how much is said, forwarding, what the terminal is. */
const IDLE = /^[AaCgKkMNnqTtVvXxYy]$/;

/**
 * Reads options as for the command line of ssh(1), as setup scripts say them.
 * @throws UsageError that names what is not supported
 */
export function readSshWords(text: string): Option[] {
  const options: Option[] = [];
  const words = text.split(/\s+/).filter(Boolean);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!/^-[A-Za-z0-9]/.test(word)) throw new UsageError(`not an option of ssh: ${word}`);
    options.push(...readLetters(word.slice(1), words));
  }
  return options;
}

/** A group of switches, of which the last may take a value: the rest of the word, or the next. */
function readLetters(letters: string, next: string[]): Option[] {
  const [letter = '', ...others] = letters;
  const rest = others.join('');
  const keyword = WITH_VALUE[letter];
  if (letter === 'o' || keyword !== undefined) {
    const value = rest || next.shift();
    if (value === undefined) throw new UsageError(`ssh's option -${letter} needs a value`);
    return [readOption(keyword === undefined ? value : `${keyword}=${value}`)];
  }
  const option = SWITCHES[letter];
  if (!option && !IDLE.test(letter)) {
    throw new UsageError(`ssh's option -${letter} means nothing here`);
  }
  return [...(option ? [option] : []), ...(rest ? readLetters(rest, next) : [])];
}
