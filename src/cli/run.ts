import { statSync } from 'node:fs';
import { resolve } from 'node:path';

import { bufferOf, bytesOf, textOf, type Argv, type Bytes } from '../bytes.ts';
import { asError, shown, TestbedError, UsageError } from '../errors.ts';
import { reportToStderr, stderrLogger, writeStderr } from '../log.ts';
import { localPlace } from '../place/local.ts';
import { succeeded } from '../place/place.ts';
import type { Session } from '../protocol/session.ts';
import { repositoryIn } from '../session/repository.ts';
import { capture, type Captured } from './capture.ts';
import { CommandLineError, readCommandLine, type Wish } from './command-line.ts';
import { commandOf, commonOptions, runCommand, type Command, type Given } from './command.ts';
import { inheritedDescriptors } from './descriptors.ts';
import type { ServeRequest } from './request.ts';
import { sessionOf } from './session-of.ts';
import { splitShellWords } from './shell-words.ts';
import { dieBy, haltOnSignals, Signalled } from './signals.ts';
import { talkTo, type Said } from './talk.ts';
import { transcriptOf, type Transcript } from './transcript.ts';

/** Exit status where the command could not be run, or what was to be done around it failed: env(1). */
const FAILED = 125;

/** `regime run` */
export const runCommandSpec: Command = {
  name: 'run',
  summary:
    'Opens a testbed, runs COMMAND in it with the standard input and output that it has itself, and ' +
    'takes the testbed away. The regime with its options is one word, quoted as for a shell.',
  options: [
    {
      name: 'put',
      value: 'HOST:TESTBED',
      repeat: true,
      help: 'Copies a file or a directory of the host to the testbed before COMMAND.',
    },
    {
      name: 'get',
      value: 'TESTBED:HOST',
      repeat: true,
      help: 'Copies a file or a directory of the testbed to the host after COMMAND, however it ended.',
    },
    {
      name: 'revert',
      help:
        'Reverts the testbed when all is done, for one that outlives its session (a machine behind ' +
        'ssh). An error where the testbed can not be reverted.',
    },
    {
      name: 'json',
      help:
        'Prints one JSON object in place of what COMMAND writes: its status, stdout, stderr and ' +
        'milliseconds; or, where something around it failed, the error.',
    },
    commonOptions.help,
  ],
  passesArguments: true,
  page: 'regime-run(1)',
};

/** `regime run`: resolves with the command's exit status, or 125 where something else failed. */
export async function run(words: Argv): Promise<number> {
  let halt: AbortSignal | undefined;
  const status = await runCommand(runCommandSpec, words, async (given) => {
    const wishes = await readWishes(given);
    halt = haltOnSignals();
    return runOnce(wishes, halt).catch((cause: unknown) => {
      if (halt?.aborted) return FAILED;
      const error = shown(bytesOf(asError(cause).message));
      if (wishes.json) printJson({ status: FAILED, error });
      writeStderr(`regime: failure: ${error}\n`);
      return FAILED;
    });
  });
  if (halt?.reason instanceof Signalled) dieBy(halt.reason.signal);
  return status;
}

function printJson(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** One copy; the name on the host is absolute, that on the testbed may be relative. */
interface Copy {
  host: Bytes;
  testbed: Bytes;
}

interface Wishes {
  request: ServeRequest;
  command: Argv;
  put: Copy[];
  get: Copy[];
  revert: boolean;
  json: boolean;
  transcript: Transcript | undefined;
}

async function readWishes({ operands, flag, values }: Given): Promise<Wishes> {
  const [regime, ...rest] = operands;
  const command = commandOf('run', 'the regime', rest);
  if (regime === undefined || command.length === 0) {
    throw new UsageError("run: a regime, as one word, and a command are wanted: 'chroot /' ls");
  }
  const wish = await readRegime(splitShellWords(regime));
  if (wish.kind !== 'serve') throw new UsageError(`run: no regime to run: ${textOf(regime)}`);
  const put = values('put').map((word) => splitPair('--put', word));
  const get = values('get').map((word) => splitPair('--get', word));
  return {
    request: wish.request,
    command,
    put: put.map(([host, testbed]) => ({ host: absolute(host), testbed })),
    get: get.map(([testbed, host]) => ({ host: absolute(host), testbed })),
    revert: flag('revert'),
    json: flag('json'),
    transcript: transcriptOf(wish.request.options),
  };
}

/** A bare name is likely to have lost its operands to the command. */
async function readRegime(words: Argv): Promise<Wish> {
  try {
    return await readCommandLine(words);
  } catch (cause) {
    const isItsOwn = cause instanceof CommandLineError && cause.usage !== 'regime --help';
    if (!isItsOwn || words.length !== 1) throw cause;
    const hint = `a regime and what belongs to it are one word, as 'chroot /'`;
    throw new UsageError(`${cause.message}; ${hint}`, { cause });
  }
}

/** The first colon parts the names; one of a name itself has a backslash before it. */
function splitPair(option: string, word: Bytes): [Bytes, Bytes] {
  const [, first = '', second = ''] = /^((?:[^\\:]|\\[^])+):([^]+)$/.exec(word) ?? [];
  if (first === '')
    throw new UsageError(`${option}: two names with a colon are wanted: ${textOf(word)}`);
  return [first.replace(/\\([\\:])/g, '$1'), second];
}

/** Keeps the slash at the end, which says that a directory is meant. */
function absolute(path: Bytes): Bytes {
  const whole = bytesOf(resolve('.'));
  return path.startsWith('/') ? path : `${whole}/${path}`;
}

async function runOnce(wishes: Wishes, halt: AbortSignal): Promise<number> {
  const { request, command, put, get, transcript } = wishes;
  const { options } = request;
  const log = stderrLogger(options.debug);
  const session = sessionOf(request, log, repositoryIn(options.stateDir), inheritedDescriptors());
  const talk = talkTo(session, 'current', reportToStderr, transcript);
  const say = async (...words: Argv): Promise<Said> => {
    const answer = await talk.say(words, halt);
    if (answer.error) throw answer.error;
    return answer;
  };
  const close = async (failed: boolean) => {
    transcript?.note('caller', 'close');
    await session.close(failed);
    transcript?.note('server', 'ok');
  };
  let result: number;
  let captured: Captured | undefined;
  try {
    const [scratch = '/'] = (await say('open')).words;
    if (wishes.revert && !session.capabilities().some(({ name }) => name === 'revert')) {
      throw new TestbedError({ step: 'run --revert: this testbed can not be reverted' });
    }
    const bed = await enter(session, scratch, halt);
    for (const { host, testbed } of put) {
      const isDirectory = statSync(bufferOf(host), { throwIfNoEntry: false })?.isDirectory();
      await say('copydown', ...slashed([host, bed.path(testbed)], isDirectory === true));
    }
    const argv = bed.wrap(command);
    captured = wishes.json ? await capture([...session.auxverb(), ...argv], halt) : undefined;
    const { status = 255 } = captured ?? (await say('!', ...argv));
    if (status === 127 && command.length === 1 && /\s/.test(command[0] ?? '')) {
      log.warn(
        `the command has its arguments in one word, '${shown(command[0] ?? '')}': write them apart`,
      );
    }
    if (status >= 254) throw new TestbedError({ step: 'the testbed can not be reached any more' });
    for (const { host, testbed } of get) {
      const path = bed.path(testbed);
      const isDirectory = path.endsWith('/') || (await bed.isDirectory(path));
      await say('copyup', ...slashed([path, host], isDirectory));
    }
    if (wishes.revert) await say('revert');
    result = status;
  } catch (cause) {
    // What went wrong first is the news; what it led to is told too.
    await close(true).catch((other: unknown) => log.warn(asError(other).message));
    throw cause;
  }
  await close(result !== 0);
  // The only thing on stdout: not before nothing can fail any more.
  if (captured) printJson(captured);
  return result;
}

/** On the testbed, whose shell says it with $0 where there is no such command. */
const ENTER = 'cd -- "$1" && shift && exec "$@"';

/** How names and commands are meant on a testbed: relative to its scratch space. */
interface Bed {
  wrap(command: Argv): Argv;
  path(name: Bytes): Bytes;
  isDirectory(path: Bytes): Promise<boolean>;
}

async function enter(session: Session, scratch: Bytes, signal: AbortSignal): Promise<Bed> {
  const prefix = session.auxverb();
  const test = async (...argv: Argv) =>
    succeeded(await localPlace.run([...prefix, ...argv], { signal }));
  // An image may hold one program and no shell.
  const hasShell = await test('sh', '-c', ':');
  return {
    wrap: (command) =>
      hasShell ? ['sh', '-c', ENTER, 'regime run', scratch, ...command] : command,
    path: (name) => (name.startsWith('/') ? name : `${scratch}/${name}`),
    isDirectory: (path) => test('sh', '-c', 'test -d "$1"', 'sh', path),
  };
}

/** The protocol wants a slash at the end of both names of a directory, and of none of a file. */
function slashed(names: Argv, isDirectory: boolean): Argv {
  if (!isDirectory) return names;
  return names.map((name) => (name.endsWith('/') ? name : `${name}/`));
}
