import { textOf, type Argv } from '../bytes.ts';
import { collect } from '../place/collect.ts';
import { localPlace } from '../place/local.ts';
import { shellStatus } from '../place/shell-status.ts';

/** Bytes of each stream that are kept: the last. */
const LIMIT = 64 << 20;

/** How a command ended, as a shell has it, and what it wrote, as text. */
export interface Captured {
  status: number;
  stdout: string;
  stderr: string;
  milliseconds: number;
}

/** Runs a command behind an auxverb with our own stdin, and keeps what it writes. */
export async function capture(argv: Argv, signal: AbortSignal): Promise<Captured> {
  const start = performance.now();
  const running = localPlace.spawn(argv, { stdio: [0, 'pipe', 'pipe'], signal });
  const [stdout, stderr, ending] = await Promise.all([
    collect(running.stdout, LIMIT),
    collect(running.stderr, LIMIT),
    running.ended,
  ]);
  signal.throwIfAborted();
  const milliseconds = Math.round(performance.now() - start);
  return {
    status: shellStatus(ending),
    stdout: textOf(stdout),
    stderr: textOf(stderr),
    milliseconds,
  };
}
