import { isatty } from 'node:tty';

import split2 from 'split2';

import type { Bytes } from '../bytes.ts';
import { asError, ProtocolError } from '../errors.ts';
import { reportToStderr, stderrLogger, writeStderr } from '../log.ts';
import type { Reply } from '../protocol/reply.ts';
import { serve as serveProtocol, type Finish } from '../protocol/server.ts';
import type { Session } from '../protocol/session.ts';
import { repositoryIn } from '../session/repository.ts';
import { reapInBackground } from './reap-in-background.ts';
import type { ServeRequest } from './request.ts';
import { sessionOf } from './session-of.ts';
import { dieBy, haltOnSignals, Signalled } from './signals.ts';
import type { Transcript } from './transcript.ts';

/** The longest line of the protocol, in bytes. */
const LONGEST_LINE = 1 << 20;

/**
 * Serves a caller on stdin who has had the first `ok`, and sets the exit status that the contract
 * wants.
 * @param inherited the descriptors that the caller passed on
 */
export async function runServer(
  request: ServeRequest,
  reply: Reply,
  inherited: ReadonlySet<number>,
  transcript?: Transcript,
): Promise<void> {
  const { options } = request;
  const log = stderrLogger(options.debug);
  const repository = repositoryIn(options.stateDir);
  const halt = haltOnSignals();
  const session = sessionOf(request, log, repository, inherited);
  if (isatty(0)) lendTerminal(session);
  const background = new AbortController();
  const reaping = reapInBackground(repository, log, background.signal);
  const lines = transcript?.lines(readLines()) ?? readLines();
  const finish = await serveProtocol(lines, reply, session, {
    ...(options.dialect && { dialect: options.dialect }),
    ...(options.lease !== undefined && { lease: options.lease }),
    log,
    report: reportToStderr,
    halt,
  });
  background.abort();
  await reaping;
  process.stdin.destroy();
  end(finish);
  // One that came while the testbed was closed for another reason counts as well.
  if (halt.reason instanceof Signalled) dieBy(halt.reason.signal);
}

/** What is typed at a terminal that we read ourselves, as with --raw, is a shell's while there is one. */
function lendTerminal(session: Session): void {
  const shell = session.shell.bind(session);
  session.shell = async (...call) => {
    process.stdin.pause();
    await shell(...call).finally(() => process.stdin.resume());
  };
}

/** Exit statuses: regime-protocol(7), ENDINGS. */
function end(finish: Finish): void {
  if (finish.by === 'quit') process.exitCode = 0;
  else if (finish.by === 'end-of-input') process.exitCode = finish.wasOpen ? 12 : 0;
  else if (finish.by === 'lease') process.exitCode = 12;
  else if (finish.by === 'halt') {
    if (finish.reason instanceof Signalled) return;
    writeStderr(`regime: failure: ${asError(finish.reason).message}\n`);
    process.exitCode = 12;
  } else if (isExpected(finish.error)) process.exitCode = 12;
  else {
    writeStderr(`regime: this is a bug, please report it: ${finish.error.stack ?? ''}\n`);
    process.exitCode = 16;
  }
}

/** By their names: a regime from outside can't import our classes. */
function isExpected({ name }: Error): boolean {
  return /^(ProtocolError|TestbedError|InputEnded|StorageError|LockedStorageError)$/.test(name);
}

/** Bytes pass through as latin1; a line that is too long is the caller's mistake. */
async function* readLines(): AsyncGenerator<Bytes> {
  process.stdin.setEncoding('latin1');
  const lines = process.stdin.pipe(split2({ maxLength: LONGEST_LINE }));
  process.stdin.once('error', (cause) => lines.destroy(cause));
  try {
    for await (const line of lines) {
      // split2 looks only at what has no end yet.
      if ((line as Bytes).length > LONGEST_LINE) throw tooLong();
      yield line as Bytes;
    }
  } catch (cause) {
    throw asError(cause).message === 'maximum buffer reached' ? tooLong() : cause;
  }
}

function tooLong(): ProtocolError {
  return new ProtocolError(`a line is longer than ${LONGEST_LINE} bytes`);
}
