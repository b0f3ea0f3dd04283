import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';

import { anyOf } from '../../abort.ts';
import { bytesOf, textOf, type Argv, type Bytes } from '../../bytes.ts';
import { asError, ProtocolError, shown, TestbedError, UsageError } from '../../errors.ts';
import { reportToStderr, stderrLogger, withoutControls, writeStderr } from '../../log.ts';
import { repositoryIn } from '../../session/repository.ts';
import { shellHint, withHint } from '../hints.ts';
import { reapInBackground } from '../reap-in-background.ts';
import type { ServeRequest } from '../request.ts';
import { sessionOf } from '../session-of.ts';
import { quoteShellWord, splitShellWords } from '../shell-words.ts';
import { dieBy, haltOnSignals, Signalled } from '../signals.ts';
import { describeAnswer, talkTo, type Said, type Talk } from '../talk.ts';
import { transcriptOf } from '../transcript.ts';
import { complete } from './complete.ts';
import { explainTopic } from './help.ts';
import { readHistory } from './history.ts';
import { expandHomes } from './home.ts';
import { paint, toFreshLine } from './paint.ts';
import { promptOnTerminal, type Prompt } from './prompt.ts';

/** Commands that a testbed which failed still takes: what it is now nobody knows. */
const LEFT_TO_BROKEN = ['auxverb-debug-fail', 'close', 'help', 'quit', 'shell'];

/** Talks with a person: a prompt, the words of the protocol with a shell's quoting. */
export async function runTerminal(
  request: ServeRequest,
  inherited: ReadonlySet<number>,
): Promise<void> {
  const { options } = request;
  const transcript = transcriptOf(options);
  const log = stderrLogger(options.debug);
  // When the terminal hangs up there is nothing to read and nowhere to write; the testbed is closed.
  for (const stream of [process.stdin, process.stdout]) stream.on('error', () => {});
  const repository = repositoryIn(options.stateDir);
  const halt = haltOnSignals(['SIGHUP', 'SIGTERM']);
  const session = sessionOf(request, log, repository, inherited);
  const talk = talkTo(session, options.dialect ?? 'current', reportToStderr, transcript);
  const history = readHistory(join(dirname(repository.path), 'history'));
  const prompt = promptOnTerminal(
    history.lines,
    (line, done) => {
      complete(line, session).then(
        (found) => done(null, found),
        () => done(null, [[], line]),
      );
    },
    halt,
  );
  const background = new AbortController();
  const reaping = reapInBackground(repository, log, background.signal);
  writeStderr(`This is regime: type help for its commands, open to begin, quit to leave.\n`);
  const name = request.chain.map(({ title }) => textOf(title)).join(' + ');
  // Between two commands, or a command and the prompt, Ctrl-C has nothing to interrupt.
  const idle = () => {};
  process.on('SIGINT', idle);
  await converse(talk, prompt, name, halt);
  process.removeListener('SIGINT', idle);
  history.save();
  background.abort();
  await reaping;
  try {
    await session.close();
  } catch (cause) {
    writeStderr(`regime: failure: ${asError(cause).message}\n`);
    process.exitCode = 12;
  }
  process.stdin.destroy();
  if (halt.reason instanceof Signalled) dieBy(halt.reason.signal);
}

/** What the person sees of the testbed. */
interface View {
  /** True where a revert or a reboot has failed. */
  broken: boolean;
  scratch: Bytes;
}

/** Line after line until the person leaves, or a signal comes. */
async function converse(
  talk: Talk,
  prompt: Prompt,
  name: string,
  halt: AbortSignal,
): Promise<void> {
  const { session } = talk;
  const view: View = { broken: false, scratch: '/' };
  for (;;) {
    const question = `${name} ${describeState(view, session.isOpen)}> `;
    // A terminal that has hung up can't be asked any more.
    const line = halt.aborted ? undefined : await prompt.ask(question);
    if (halt.aborted) return;
    if (line === undefined) {
      if (!session.isOpen) return;
      const leave = await prompt.confirm('The testbed is open. Take it away and leave? [y/N] ');
      if (leave === undefined || /^y/i.test(leave)) return;
      continue;
    }
    try {
      if ((await obey(talk, expandHomes(splitShellWords(bytesOf(line))), view, halt)) === 'quit')
        return;
      const hint = session.isOpen ? shellHint(line) : undefined;
      if (hint !== undefined) writeStderr(`${withoutControls(hint)}\n`);
    } catch (cause) {
      writeStderr(`${asError(cause).message}\n`);
    }
  }
}

function describeState({ broken }: View, isOpen: boolean): string {
  if (broken) return paint('broken', 'red');
  return isOpen ? paint('open', 'green') : 'closed';
}

/** Does what a line says. @throws UsageError */
async function obey(
  talk: Talk,
  words: Argv,
  view: View,
  halt: AbortSignal,
): Promise<'quit' | undefined> {
  const [first] = words;
  if (first === undefined) return undefined;
  const command = first.replaceAll('_', '-');
  if (command === 'help') {
    process.stdout.write(explainTopic(words[1]));
    return undefined;
  }
  if (view.broken && !LEFT_TO_BROKEN.includes(command)) {
    throw new UsageError(`the testbed has failed: only ${LEFT_TO_BROKEN.join(', ')} are left`);
  }
  const bareShell = command === 'shell' && words.length === 1;
  const said = await sayOnce(talk, bareShell ? [command, view.scratch] : words, halt);
  const { isOpen } = talk.session;
  if (said instanceof Error) {
    // What is left is neither the old testbed nor a new one.
    const spoils = /^(revert|reboot)$/.test(command) && !(said instanceof ProtocolError);
    view.broken = isOpen && (view.broken || spoils);
    return undefined;
  }
  if (command === 'open' || command === 'revert') view.scratch = said.words[0] ?? '/';
  view.broken &&= isOpen;
  return command === 'quit' ? 'quit' : undefined;
}

/** Carries out one command, which Ctrl-C interrupts, and shows the answer and how long it took. */
async function sayOnce(talk: Talk, words: Argv, halt: AbortSignal): Promise<Said | Error> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new Error('interrupted'));
  const isShell = words[0] === 'shell';
  if (!isShell) process.on('SIGINT', interrupt);
  const start = performance.now();
  const time = () => paint(`(${describeTime(performance.now() - start)})`, 'dim');
  try {
    const said = await talk.say(words, anyOf(halt, interrupted.signal));
    if (words[0]?.startsWith('!')) toFreshLine();
    const text = said.keyword === 'ok' ? readable(said) : withHint(describeAnswer(said));
    process.stdout.write(`${withoutControls(text)} ${time()}\n`);
    return said;
  } catch (cause) {
    const error = asError(cause);
    writeStderr(`${shown(bytesOf(withHint(error.message)))} ${time()}\n`);
    if (error instanceof TestbedError && talk.session.isOpen) {
      reportToStderr(await talk.session.debugFailure().catch(() => ''));
    }
    return error;
  } finally {
    process.removeListener('SIGINT', interrupt);
  }
}

/** Results as they would be typed; commas part a list on the wire. */
function readable({ words, status }: Said): string {
  if (status !== undefined) return status === 0 ? 'ok' : `exit status ${status}`;
  return ['ok', ...words.map((word) => textOf(quoteShellWord(word)))].join(' ');
}

function describeTime(milliseconds: number): string {
  return milliseconds < 1000
    ? `${milliseconds.toFixed(0)} ms`
    : `${(milliseconds / 1000).toFixed(1)} s`;
}
