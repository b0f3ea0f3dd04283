import { PassThrough, Writable } from 'node:stream';

import { anyOf } from '../../../src/abort.ts';
import type { Argv } from '../../../src/bytes.ts';
import { asError, TestbedError, TimedOut } from '../../../src/errors.ts';
import { collect } from '../../../src/place/collect.ts';
import { localPlace } from '../../../src/place/local.ts';
import type {
  Ending,
  Outcome,
  Place,
  RunOptions,
  Running,
  SpawnOptions,
} from '../../../src/place/place.ts';
import { endRemote, signalRemote } from './end-remote.ts';
import { endingOf } from './ending.ts';
import type { FarSide } from './far-side.ts';
import { startRemote, type RemoteCommand } from './remote-command.ts';

/**
 * The far side as a Place.
 * @param prefix the auxverb, for processes of this host
 */
export function sshPlace(far: FarSide, prefix: Argv): Place {
  const { label } = far.connection;
  return {
    label,
    prefix,
    isHost: false,
    relayed: true,
    run: (argv, options = {}) => runRemotely(far, argv, options),
    spawn(argv, options) {
      // A descriptor of ours can't be handed to the far side: the auxverb copies from and to it.
      const direct = options.stdio.every((member) => typeof member !== 'number');
      if (!direct || options.stdio.length > 3) {
        return localPlace.spawn([...prefix, ...argv], options);
      }
      return spawnRemotely(far, argv, options);
    },
  };
}

async function runRemotely(far: FarSide, argv: Argv, options: RunOptions): Promise<Outcome> {
  const { input, deadline, maxOutput = 1 << 20, heard } = options;
  const limit = deadline === undefined ? undefined : AbortSignal.timeout(deadline);
  const limits = [options.signal, limit].filter((signal) => signal !== undefined);
  const signal = anyOf(...limits);
  const stopped = () => {
    if (!signal.aborted || !limit?.aborted || options.signal?.aborted)
      return signal.reason as unknown;
    return new TimedOut(`no end of ${argv.join(' ')} within ${(deadline ?? 0) / 1000} s`);
  };
  let remote: RemoteCommand;
  try {
    remote = await startRemote(far, argv, { signal });
  } catch (cause) {
    throw signal.aborted ? stopped() : cause;
  }
  const end = () => void endRemote(far, remote);
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  remote.stdin.end(typeof input === 'string' ? Buffer.from(input, 'latin1') : input);
  const [stdout, stderr, ending] = await Promise.all([
    collect(remote.stdout, maxOutput),
    collect(remote.stderr, maxOutput, heard),
    remote.ended,
  ]);
  signal.removeEventListener('abort', end);
  if (signal.aborted) throw stopped();
  return { ending: endingOf(ending, far.connection.label), stdout, stderr };
}

/** The streams are there at once; the command behind them a moment later. */
function spawnRemotely(far: FarSide, argv: Argv, { stdio, signal }: SpawnOptions): Running {
  const [stdout, stderr] = [1, 2].map((number) =>
    stdio[number] === 'pipe' ? new PassThrough() : null,
  );
  // What holds the other end of a pipe of ours sees when we have gone, and ends by itself.
  const starting = startRemote(far, argv, {
    unlisted: stdio[0] === 'pipe',
    ...(signal && { signal }),
  });
  const stdin = stdio[0] === 'pipe' ? inputOf(starting) : null;
  const run = async (): Promise<Ending> => {
    const remote = await starting;
    const end = () => void endRemote(far, remote);
    if (signal?.aborted) end();
    else signal?.addEventListener('abort', end, { once: true });
    if (!stdin) remote.stdin.end();
    // Who writes on hears that nobody reads any more.
    remote.stdin.once('close', () => stdin?.destroy());
    for (const [source, sink] of [
      [remote.stdout, stdout],
      [remote.stderr, stderr],
    ] as const) {
      if (!sink) {
        source.resume();
        continue;
      }
      source.pipe(sink);
      source.once('close', () => sink.end());
      // Nobody reads any more: the command gets what a closed pipe gives.
      sink.once('close', () => source.destroy());
    }
    const ending = await remote.ended;
    signal?.removeEventListener('abort', end);
    return endingOf(ending, far.connection.label);
  };
  const ended = run().catch((cause: unknown) => {
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
    signal?.throwIfAborted();
    throw cause instanceof TestbedError ? cause : asError(cause);
  });
  ended.catch(() => {});
  return {
    stdin,
    stdout: stdout ?? null,
    stderr: stderr ?? null,
    ended,
    kill(name) {
      starting.then(
        (remote) => signalRemote(far, remote, name),
        () => {},
      );
    },
  };
}

/** What is written has been taken when it is called back: until then its buffer is not free. */
function inputOf(starting: Promise<RemoteCommand>): Writable {
  const input = new Writable({
    write(chunk, _encoding, done) {
      starting.then(({ stdin }) => stdin.write(chunk, done), done);
    },
    final(done) {
      starting.then(({ stdin }) => {
        stdin.end();
        done();
      }, done);
    },
  });
  // Who wants to know listens too; nobody has to.
  return input.on('error', () => {});
}
