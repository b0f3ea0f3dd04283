import { didYouMean } from './closest.ts';
import { terminalCommands, topics } from './terminal/topics.ts';

/** What people say who mean another word of ours. */
const SYNONYMS: Readonly<Record<string, string>> = {
  exit: 'quit',
  logout: 'quit',
  bye: 'quit',
  '?': 'help',
};

/**
 * What went wrong, for somebody who typed the command: an unknown one with what was probably meant, one
 * with wrong operands with how it is written.
 */
export function withHint(message: string): string {
  const [, unknown] = /^unknown command (.*)/.exec(message) ?? [];
  if (unknown !== undefined) return message + hintOfUnknown(unknown);
  if (/^copy-failed: .* is a directory$/.test(message)) {
    return `${message}; a file is copied to the name of a file, a directory as DIR/ to DIR/`;
  }
  const [, misused] = /^wrong number of arguments for ([^:]+)/.exec(message) ?? [];
  const usage = topics.find(({ name }) => name === misused)?.usage;
  return usage === undefined ? message : `${message}; it is written ${usage}`;
}

function hintOfUnknown(word: string): string {
  const synonym = SYNONYMS[word];
  if (synonym !== undefined) return `; did you mean ${synonym}?`;
  if (word === 'cd') return ': a command has no directory of the one before, but shell takes one';
  return didYouMean(word, terminalCommands) || `; !${word} runs it in the testbed`;
}

/**
 * What to say of a `!COMMAND` that is written as for a shell; undefined where it is not. What is quoted
 * was meant as it stands.
 */
export function shellHint(line: string): string | undefined {
  const bare = line.replace(/\\[^]|'[^']*'|"(?:\\[^]|[^"\\])*"/g, '_');
  const command = /^\s*!\s*([^]*)/.exec(bare)?.[1];
  if (command === undefined) return undefined;
  if (!/(?:^|\s)(?:[|&;]|\d?[<>])|;(?:\s|$)|\*|\$[A-Za-z_{(]/.test(command)) return undefined;
  const typed = line.trim().slice(1).trim();
  return `No shell has read that. One does: !sh -c '${typed.replaceAll("'", "'\\''")}'`;
}
