import { ProtocolError, shown, TestbedError, TimedOut } from '../errors.ts';
import { faultPoint } from '../fault.ts';
import { collect } from '../place/collect.ts';
import { endingWithSession, type Ending, type Place } from '../place/place.ts';
import { readScript } from '../place/script.ts';
import { shellStatus } from '../place/shell-status.ts';
import type { Context } from '../regime.ts';
import type { ExecuteRequest } from '../protocol/session.ts';
import { randomId } from './ids.ts';
import { runScript } from './probe.ts';

/**
 * Runs a command with its files on the testbed, as the protocol's `execute`.
 * @param inherited the descriptors that the server's caller passed to it, for `debug=`
 * @returns 0-125, or 128+N for a signal
 * @throws TimedOut when the command and what it started have been killed
 */
export async function execute(
  place: Place,
  request: ExecuteRequest,
  inherited: ReadonlySet<number>,
  context: Context,
): Promise<number> {
  const { debug } = request;
  if (debug && !inherited.has(debug.to)) {
    throw new ProtocolError(`descriptor ${debug.to} is none that the caller passed on`);
  }
  const mark = randomId(20);
  const running = place.spawn(endingWithSession(place, commandFor(place, request, mark)), {
    stdio: ['ignore', debug ? debug.to : 'ignore', 'pipe'],
    signal: context.signal,
  });
  faultPoint('execute.running');
  const complaint = collect(running.stderr, 4096);
  const ending = await withinTime(running.ended, request.timeout);
  if (ending === undefined) {
    // The auxverb then ends its command and reaps it, which a testbed may have to wait for.
    running.kill('SIGTERM');
    await runScript(place, 'kill-marked', [mark], context);
    running.kill('SIGKILL');
    await running.ended;
    throw new TimedOut(`the command was killed after ${(request.timeout ?? 0) / 1000} s`);
  }
  context.signal.throwIfAborted();
  const words = await complaint;
  faultPoint('execute.ended');
  if (words) context.log.warn(`execute: ${shown(words)}`);
  return statusOf(ending, place);
}

function commandFor({ standIn }: Place, request: ExecuteRequest, mark: string): string[] {
  const { command, directory, stdin, stdout, stderr, environment, debug } = request;
  const files = [directory, stdin, stdout, stderr, String(debug?.from ?? '')];
  if (standIn !== undefined) {
    return [standIn, 'execute', mark, ...files, ...environment, '--', ...command];
  }
  const script = readScript('execute.sh', import.meta.url);
  // env(1) would take a program whose name holds = for a variable.
  const program = command[0]?.includes('=') ? ['sh', '-c', 'exec "$0" "$@"', ...command] : command;
  return ['sh', '-c', script, 'execute', mark, ...files, ...environment, ...program];
}

/** Resolves with undefined when the time is up first. */
async function withinTime<T>(
  step: Promise<T>,
  timeout: number | undefined,
): Promise<T | undefined> {
  if (timeout === undefined) return step;
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), timeout);
  });
  try {
    return await Promise.race([step, expiry]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * 255 is the auxverb's own word for a testbed that is gone; 253 stands for what collides with it. The
 * host itself is never gone: there the command said so, where no auxverb could be had.
 */
function statusOf(ending: Ending, place: Place): number {
  if ('signal' in ending) return shellStatus(ending);
  if (place.isHost) return Math.min(ending.status, 253);
  if (ending.status === 255) throw new TestbedError({ step: 'execute: the testbed has gone' });
  return ending.status;
}
