import type { Bytes } from '../bytes.ts';
import { ProtocolError, shown } from '../errors.ts';
import type { Dialect } from './dialect.ts';
import { parseExecute } from './execute-words.ts';
import type { CopyWords, Session } from './session.ts';
import { decodeWord, encodeList, encodeSetting, encodeWord } from './words.ts';

/** What a handler is given: the words after the command, still encoded, and what it works on. */
export interface Call {
  words: readonly Bytes[];
  session: Session;
  dialect: Dialect;
  signal: AbortSignal;
  /** Shows text to the person behind the caller. */
  report(text: string): void;
}

/** One command of the protocol. The server checks arity, state and capability in one place. */
export interface Command {
  /** How many words may follow, at least and at most. */
  arity: readonly [number, number];
  state: 'any' | 'open' | 'closed';
  /** The capability without which the command is an error. */
  needs?: string;
  /** True where a waiting caller that has gone ends the command (see `open`). */
  endsWithInput?: true;
  /** Resolves with the words of the reply after `ok`. */
  run(call: Call): Promise<readonly Bytes[]>;
}

/** capabilities → ok WORD… */
const capabilities: Command = {
  arity: [0, 0],
  state: 'any',
  run: ({ session }) =>
    Promise.resolve(session.capabilities().map(({ name, value }) => encodeSetting(name, value))),
};

/** open → ok SCRATCH */
const open: Command = {
  arity: [0, 0],
  state: 'closed',
  endsWithInput: true,
  run: async ({ session, signal }) => [encodeWord(await session.open(signal))],
};

/** revert → ok SCRATCH */
const revert: Command = {
  arity: [0, 0],
  state: 'open',
  needs: 'revert',
  run: async ({ session, signal }) => [encodeWord(await session.revert(signal))],
};

/** reboot [prepare-only] → ok. The old text promises a result word, which the harnesses refuse. */
const reboot: Command = {
  arity: [0, 1],
  state: 'open',
  needs: 'reboot',
  async run({ words, session, signal }) {
    const [mode] = words.map(decodeWord);
    if (mode !== undefined && mode !== 'prepare-only') {
      throw new ProtocolError(`reboot takes only the word prepare-only, not ${shown(mode, 200)}`);
    }
    await session.reboot(mode === 'prepare-only', signal);
    return [];
  },
};

/** close → ok */
const close: Command = {
  arity: [0, 0],
  state: 'open',
  async run({ session }) {
    await session.close();
    return [];
  },
};

/** print-execute-command, print-auxverb-command → ok PROG,ARG,… */
const printAuxverb: Command = {
  arity: [0, 0],
  state: 'open',
  run: ({ session }) => Promise.resolve([encodeList(session.auxverb())]),
};

/** print-shstring-command → ok PROG,ARG,…, to which the caller appends one script. */
const printShstring: Command = {
  arity: [0, 0],
  state: 'open',
  run: ({ session }) => Promise.resolve([encodeList([...session.auxverb(), 'sh', '-c'])]),
};

/** execute PROG,ARG,… STDIN STDOUT STDERR CWD [KEYWORD…] → ok STATUS, or timeout */
const execute: Command = {
  arity: [5, Infinity],
  state: 'open',
  run: async ({ words, session, signal }) => [
    String(await session.execute(parseExecute(words), signal)),
  ],
};

/** copydown HOST TESTBED → ok, copy-failed or timeout */
const copyDown: Command = {
  arity: [2, 2],
  state: 'open',
  async run({ words: [host = '', testbed = ''], session, dialect, signal }) {
    await session.copyDown(copyWords(host, testbed, dialect), signal);
    return [];
  },
};

/** copyup TESTBED HOST → ok, copy-failed or timeout */
const copyUp: Command = {
  arity: [2, 2],
  state: 'open',
  async run({ words: [testbed = '', host = ''], session, dialect, signal }) {
    await session.copyUp(copyWords(host, testbed, dialect), signal);
    return [];
  },
};

/** shell CWD [VAR=VALUE…] → ok */
const shell: Command = {
  arity: [1, Infinity],
  state: 'open',
  async run({ words: [directory = '', ...variables], session, signal }) {
    await session.shell(decodeWord(directory), variables.map(shellVariable), signal);
    return [];
  },
};

/** auxverb_debug_fail → ok, after what is known of a failure went to stderr */
const debugFailure: Command = {
  arity: [0, 0],
  state: 'any',
  async run({ session, report }) {
    report(await session.debugFailure());
    return [];
  },
};

/** quit → ok, after closing. The server ends after it. */
const quit: Command = {
  arity: [0, 0],
  state: 'any',
  async run({ session }) {
    await session.close();
    return [];
  },
};

/** The commands by their name with hyphens. */
export const commands: Readonly<Partial<Record<string, Command>>> = Object.assign(
  Object.create(null) as object,
  {
    capabilities,
    open,
    revert,
    reboot,
    close,
    'print-execute-command': printAuxverb,
    'print-auxverb-command': printAuxverb,
    'print-shstring-command': printShstring,
    execute,
    copydown: copyDown,
    copyup: copyUp,
    shell,
    'auxverb-debug-fail': debugFailure,
    quit,
  },
);

/** Both names end in a slash (directories) or neither does (files). */
function copyWords(hostWord: Bytes, testbedWord: Bytes, dialect: Dialect): CopyWords {
  const host = decodeWord(hostWord);
  const testbed = decodeWord(testbedWord);
  if (host === '' || testbed === '') throw new ProtocolError('a copy needs two names');
  if (host.endsWith('/') !== testbed.endsWith('/')) {
    throw new ProtocolError('a copy takes two directories, both ending in /, or two files');
  }
  return {
    host,
    testbed,
    kind: host.endsWith('/') ? 'directory' : 'file',
    existing: dialect === 'classic' ? 'replace' : 'merge',
  };
}

/** Harnesses send values in literal double quotes (`A="/x"`): one pair is taken off. */
function shellVariable(word: Bytes): Bytes {
  const variable = decodeWord(word);
  if (!/^[^=]+=/.test(variable)) throw new ProtocolError(`not VAR=VALUE: ${shown(variable, 200)}`);
  return variable.replace(/^([^=]+)="([^]*)"$/, '$1=$2');
}
