import { farScript } from './far-scripts.ts';
import type { FarSide } from './far-side.ts';
import { startRemote, type RemoteCommand } from './remote-command.ts';

/** Milliseconds until we stop waiting for a command that was ended: past its KILL. */
const PATIENCE = 8000;

/**
 * Ends a command and its session, from a channel of its own: what a server makes of a signal that comes
 * through the command's own channel differs. Never rejects; the streams are given up at the latest then.
 */
export async function endRemote(far: FarSide, remote: RemoteCommand): Promise<void> {
  const timer = setTimeout(() => remote.close(), PATIENCE);
  timer.unref();
  void remote.ended.then(() => clearTimeout(timer));
  if (await runQuietly(far, farScript('end', remote.key))) remote.close();
}

/** Sends a signal to a command's session. */
export async function signalRemote(
  far: FarSide,
  { key }: RemoteCommand,
  signal: NodeJS.Signals,
): Promise<void> {
  await runQuietly(far, farScript('signal', signal.replace(/^SIG/, ''), key));
}

/** True where it ran to its end. */
async function runQuietly(far: FarSide, argv: readonly string[]): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    const helper = await startRemote(far, argv, { unlisted: true, signal });
    helper.stdin.end();
    helper.stdout.resume();
    helper.stderr.resume();
    return !('lost' in (await helper.ended));
  } catch {
    return false; // Without a connection the far side sees to it by itself.
  }
}
