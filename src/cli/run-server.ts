import { setTimeout as sleep } from 'node:timers/promises';

import split2 from 'split2';

import type { Bytes } from '../bytes.ts';
import { asError, ProtocolError } from '../errors.ts';
import { stderrLogger, withoutControls, writeStderr, type Logger } from '../log.ts';
import type { Reply } from '../protocol/reply.ts';
import { serve as serveProtocol, type Finish } from '../protocol/server.ts';
import { repositoryIn, type Repository } from '../session/repository.ts';
import { createSession } from '../session/session.ts';
import type { ServeRequest } from './request.ts';

/** The longest line of the protocol, in bytes. */
const LONGEST_LINE = 1 << 20;

/** Seconds that a copy may take where the environment says nothing else. */
const COPY_TIMEOUT = 300;

/**
 * Serves a caller on stdin who has had the first `ok`, and sets the exit status that the contract
 * wants.
 * @param inherited the descriptors that the caller passed on
 */
export async function runServer(
  { chain, options }: ServeRequest,
  reply: Reply,
  inherited: ReadonlySet<number>,
): Promise<void> {
  const log = stderrLogger(options.debug);
  const repository = repositoryIn(options.stateDir);
  const halt = haltOnSignals();
  const session = createSession({
    chain,
    repository,
    log,
    vouched: options.capabilities,
    ...(options.scratchMode !== undefined && { scratchMode: options.scratchMode }),
    ...(options.timeoutOpen !== undefined && { timeoutOpen: options.timeoutOpen }),
    ...(options.wait !== undefined && { wait: options.wait }),
    keep: options.keep,
    setup: options.setup,
    copyTimeLimit: copyTimeLimit() * 1000,
    inherited,
  });
  const background = new AbortController();
  const reaping = reapInBackground(repository, log, background.signal);
  const finish = await serveProtocol(readLines(), reply, session, {
    ...(options.dialect && { dialect: options.dialect }),
    ...(options.lease !== undefined && { lease: options.lease }),
    log,
    report: (text) => {
      const lines = text.replace(/\n$/, '').split('\n');
      if (text) writeStderr(`${lines.map(withoutControls).join('\n')}\n`);
    },
    halt,
  });
  background.abort();
  await reaping;
  process.stdin.destroy();
  end(finish);
}

/** Milliseconds after the start at which what dead servers left is looked for. */
const REAP_DELAY = 50;

/** Takes away what dead servers of this user left, a moment after the caller has had its `ok`. */
async function reapInBackground(
  repository: Repository,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  await sleep(REAP_DELAY, undefined, { signal }).catch(() => {});
  // A session of ours that is opened and closed at once leaves nothing for others to wait for.
  if (signal.aborted) return;
  const [{ reapQuietly }, { lookups }] = await Promise.all([
    import('../session/reaper.ts'),
    import('./lookups.ts'),
  ]);
  await reapQuietly(repository, lookups, { signal, log });
}

/** Exit statuses: regime-protocol(7), ENDINGS. */
function end(finish: Finish): void {
  if (finish.by === 'halt' && finish.reason instanceof Signalled) {
    dieBy(finish.reason.signal);
  } else if (finish.by === 'quit') process.exitCode = 0;
  else if (finish.by === 'end-of-input') process.exitCode = finish.wasOpen ? 12 : 0;
  else if (finish.by === 'lease') process.exitCode = 12;
  else if (finish.by === 'halt') {
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

/** Why the server ends: somebody sent it a signal. */
class Signalled extends Error {
  override readonly name = 'Signalled';
  constructor(readonly signal: NodeJS.Signals) {
    super(`received ${signal}`);
  }
}

/** The first signal ends the server in good order; a second one ends it at once. */
function haltOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) dieBy(signal);
      else controller.abort(new Signalled(signal));
    });
  }
  return controller.signal;
}

/** Dies by a signal, so that whoever waits for us sees why. */
function dieBy(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
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

function copyTimeLimit(): number {
  const seconds = Number(process.env['AUTOPKGTEST_VIRT_COPY_TIMEOUT'] ?? COPY_TIMEOUT);
  return seconds > 0 && seconds < 2_147_483 ? seconds : COPY_TIMEOUT;
}
