import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

import { bytesOf, textOf, type Argv, type Bytes } from '../bytes.ts';
import { asError, shown, UsageError } from '../errors.ts';
import { reportToStderr, stderrLogger, withoutControls, writeStderr } from '../log.ts';
import { repositoryIn } from '../session/repository.ts';
import { readCommandLine } from './command-line.ts';
import { commonOptions, runCommand, type Command } from './command.ts';
import { inheritedDescriptors } from './descriptors.ts';
import { withHint } from './hints.ts';
import type { ServeRequest } from './request.ts';
import { sessionOf } from './session-of.ts';
import { splitShellWords } from './shell-words.ts';
import { dieBy, haltOnSignals, Signalled } from './signals.ts';
import { describeAnswer, talkTo, type Said } from './talk.ts';
import { transcriptOf } from './transcript.ts';

/** `regime script` */
export const scriptCommand: Command = {
  name: 'script',
  summary:
    'Works off the commands in FILE (- is the standard input), one a line, with the quoting of a ' +
    'shell; stops at the first that fails and says which.',
  options: [
    { name: 'verbose', short: 'v', help: 'Say each command and its answer on standard output.' },
    { name: 'json', help: 'The same, each as one line of JSON.' },
    commonOptions.help,
  ],
  passesArguments: true,
  page: 'regime-script(1)',
};

/** Exit status where a line of the script failed, or was not answered as it expects. */
const FAILED = 1;

/** `regime script`: 0, 1 where a line failed, 2 for wrong words. */
export async function script(words: Argv): Promise<number> {
  let halt: AbortSignal | undefined;
  const status = await runCommand(scriptCommand, words, async ({ operands, flag }) => {
    const [file, ...rest] = operands;
    const server = rest[0] === '--' ? rest.slice(1) : rest;
    if (file === undefined || server.length === 0) {
      throw new UsageError('script: a file and a regime are wanted: FILE -- chroot /');
    }
    const wish = await readCommandLine(server);
    if (wish.kind !== 'serve') throw new UsageError('script: no regime to work with');
    const text = readScriptFile(file);
    halt = haltOnSignals();
    const show = flag('json') ? showJson : flag('verbose') ? showLine : () => {};
    return workOff(textOf(file), text, wish.request, show, halt);
  });
  if (halt?.reason instanceof Signalled) dieBy(halt.reason.signal);
  return status;
}

function readScriptFile(file: Bytes): Bytes {
  try {
    const text = readFileSync(file === '-' ? 0 : Buffer.from(file, 'latin1'), 'latin1');
    // Editors that put it there show it nowhere, and it would be part of the first command.
    return text.replace(/^\xef\xbb\xbf/, '');
  } catch (cause) {
    const { code, message } = asError(cause) as NodeJS.ErrnoException;
    if (code === 'EISDIR') throw new UsageError(`script: ${textOf(file)} is a directory`);
    if (code === 'ENOENT') throw new UsageError(`script: there is no file ${textOf(file)}`);
    throw new UsageError(`script: cannot read ${textOf(file)}: ${message}`);
  }
}

/** One line that was worked off. */
interface Step {
  line: number;
  words: Argv;
  answer: Said;
  milliseconds: number;
  /** True once an `expect` has found it right. */
  expected: boolean;
}

function showLine({ line, words, answer, milliseconds }: Step): void {
  const text = `${line}: ${words.map(textOf).join(' ')} -> ${describeAnswer(answer)}`;
  process.stdout.write(`${withoutControls(text)} (${milliseconds.toFixed(0)} ms)\n`);
}

function showJson({ line, words, answer, milliseconds }: Step): void {
  const { keyword, error } = answer;
  const step = {
    line,
    command: words.map(textOf),
    reply: keyword,
    words: answer.words.map(textOf),
  };
  const more = { ...(error && { error: error.message }), milliseconds };
  process.stdout.write(`${JSON.stringify({ ...step, ...more })}\n`);
}

async function workOff(
  file: string,
  text: Bytes,
  request: ServeRequest,
  show: (step: Step) => void,
  halt: AbortSignal,
): Promise<number> {
  const log = stderrLogger(request.options.debug);
  const repository = repositoryIn(request.options.stateDir);
  const session = sessionOf(request, log, repository, inheritedDescriptors());
  const { dialect = 'current' } = request.options;
  const talk = talkTo(session, dialect, reportToStderr, transcriptOf(request.options));
  const variables = new Map<string, Bytes>();
  let last: Step | undefined;
  let line = 0;
  let failed = true;
  try {
    for (const [index, joined] of joinLines(text).entries()) {
      halt.throwIfAborted();
      line = index + 1;
      const words = splitShellWords(joined, variables);
      const [name, ...rest] = words;
      if (name === undefined) continue;
      if (name === 'expect') {
        expectAnswer(rest, last);
        continue;
      }
      checkStep(last);
      if (name === 'set') {
        setVariable(rest, last, variables);
        continue;
      }
      const start = performance.now();
      const answer = await talk.say(words, halt);
      last = { line, words, answer, milliseconds: performance.now() - start, expected: false };
      show(last);
      if (name === 'quit') break;
    }
    checkStep(last);
    failed = false;
  } catch (cause) {
    const at = cause instanceof StepFailed ? cause.line : line;
    if (!halt.aborted) {
      writeStderr(`regime: ${file}:${at}: ${shown(bytesOf(withHint(asError(cause).message)))}\n`);
    }
  }
  try {
    await session.close(failed);
  } catch (cause) {
    writeStderr(`regime: failure: ${shown(bytesOf(asError(cause).message))}\n`);
    failed = true;
  }
  return failed ? FAILED : 0;
}

/** A backslash at the end of a line joins it with the next. Each stays at its own place. */
function joinLines(text: Bytes): Bytes[] {
  const lines: Bytes[] = [];
  let head = '';
  for (const line of text.split('\n')) {
    const isOpen = /(?:^|[^\\])(?:\\\\)*\\$/.test(line);
    lines.push(isOpen ? '' : head + line);
    head = isOpen ? head + line.slice(0, -1) : '';
  }
  return lines;
}

/** A command whose answer stops the script. */
class StepFailed extends Error {
  override readonly name = 'StepFailed';
  constructor(
    readonly line: number,
    message: string,
  ) {
    super(message);
  }
}

/** Not `ok`, or a command on the testbed with a status other than 0, has to be expected. */
function checkStep(step: Step | undefined): void {
  if (!step || step.expected) return;
  const { line, answer } = step;
  if (answer.keyword !== 'ok') throw new StepFailed(line, describeAnswer(answer));
  if (answer.status) {
    throw new StepFailed(line, `the command ended with exit status ${answer.status}`);
  }
}

/** `expect WORD…`: the answer before has just these words; in each a star stands for anything. */
function expectAnswer(wanted: Argv, step: Step | undefined): void {
  if (!step) throw new UsageError('expect: no command stands before it');
  if (wanted.length === 0) throw new UsageError('expect: an answer is wanted, as ok 0');
  const words = [step.answer.keyword, ...step.answer.words];
  const fits = (pattern: Bytes, word: Bytes) =>
    new RegExp(`^${pattern.split('*').map(escapeRegExp).join('[^]*')}$`).test(word);
  step.expected =
    wanted.length === words.length && wanted.every((one, n) => fits(one, words[n] ?? ''));
  if (step.expected) return;
  throw new Error(`expected ${wanted.map(textOf).join(' ')}, got ${describeAnswer(step.answer)}`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** `set NAME VALUE`, or `set NAME` for the first result of the command before. */
function setVariable(
  [name = '', ...values]: Argv,
  last: Step | undefined,
  variables: Map<string, Bytes>,
): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new UsageError(`set: no name: ${textOf(name)}`);
  if (values.length > 1) throw new UsageError('set: a name and one value are wanted');
  const value = values[0] ?? last?.answer.words[0];
  if (value === undefined) throw new UsageError('set: the command before has no result');
  variables.set(name, value);
}
