import { spawn, type StdioNull, type StdioPipe } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { Argv } from '../bytes.ts';
import { spawnableArgv } from '../place/argv.ts';
import { endingOfExit } from '../place/place.ts';
import { shellStatus } from '../place/shell-status.ts';
import { bytesOfWord, type Word } from './word.ts';

export interface ExecOptions {
  /** What the command reads. Default: nothing. */
  input?: Word;
  /** The same from a stream, or what this process reads. */
  stdin?: Readable | 'inherit';
  /** Where its output goes instead of into the result. */
  stdout?: Writable | 'inherit';
  stderr?: Writable | 'inherit';
  /** Variables that it has besides those of the testbed. */
  env?: Readonly<Record<string, Word>>;
  /** The directory on the testbed in which it runs. */
  cwd?: Word;
  /** Ends it; the promise then rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface ExecResult {
  /** 0 to 253; one that was ended by signal N has 128+N. */
  status: number;
  /** Empty where the output went elsewhere. */
  stdout: Buffer;
  stderr: Buffer;
}

/** The testbed can't be reached any more: the auxverb ended with 254 or 255. */
export class TestbedGone extends Error {
  override readonly name = 'TestbedGone';
}

/** Milliseconds that output may stay open after the command, held by what it left behind. */
const LEFT_BEHIND = 200;

/** Runs a command through an auxverb. */
export async function runAuxverb(
  prefix: Argv,
  command: readonly Word[],
  options: ExecOptions,
): Promise<ExecResult> {
  const { input, stdout, stderr, signal } = options;
  const stdin = input === undefined ? options.stdin : [Buffer.from(bytesOfWord(input), 'latin1')];
  const [program = '', ...args] = spawnableArgv([...prefix, ...wrap(command, options)]);
  signal?.throwIfAborted();
  const child = spawn(program, args, {
    stdio: [stdin === undefined ? 'ignore' : stdio(stdin), stdio(stdout), stdio(stderr)],
  });
  const stop = () => void child.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (status, name) => {
        resolve(shellStatus(endingOfExit(status, name)));
        for (const output of [child.stdout, child.stderr])
          if (output && !output.closed) closeWhenIdle(output);
      });
    });
    const [status, out, err] = await Promise.all([
      ended,
      collect(child.stdout, stdout),
      collect(child.stderr, stderr),
      feed(child.stdin, stdin),
    ]);
    signal?.throwIfAborted();
    if (status >= 254) {
      const words = err.toString().trim().split('\n').at(-1) ?? '';
      throw new TestbedGone(`the testbed can't be reached any more${words && `: ${words}`}`);
    }
    return { status, stdout: out, stderr: err };
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** The variables and the directory are set on the testbed: an auxverb hands none on. */
function wrap(command: readonly Word[], { env, cwd }: ExecOptions): Argv {
  const words = command.map(bytesOfWord);
  const variables = Object.entries(env ?? {}).map(
    ([name, value]) => `${bytesOfWord(name)}=${bytesOfWord(value)}`,
  );
  const inner = variables.length > 0 ? ['env', ...variables, ...words] : words;
  if (cwd === undefined) return inner;
  return ['sh', '-c', 'cd -- "$1" && shift && exec "$@"', 'sh', bytesOfWord(cwd), ...inner];
}

function stdio(wish: unknown): StdioPipe | StdioNull {
  return wish === 'inherit' ? 'inherit' : 'pipe';
}

async function collect(from: Readable | null, to: Writable | 'inherit' | undefined) {
  const chunks: Buffer[] = [];
  if (!from) return Buffer.alloc(0);
  if (to && to !== 'inherit') from.pipe(to, { end: false });
  else from.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => from.once('close', resolve));
  return Buffer.concat(chunks);
}

/** Closes what nobody writes to any more but somebody holds; not what its reader is slow to take. */
function closeWhenIdle(output: Readable): void {
  const timer = setTimeout(() => {
    if (output.isPaused()) timer.refresh();
    else output.destroy();
  }, LEFT_BEHIND);
  output.on('data', () => timer.refresh());
  output.once('close', () => clearTimeout(timer));
}

/** A command that does not read all of its input is no failure. */
async function feed(to: Writable | null, source: ExecOptions['stdin'] | Buffer[]): Promise<void> {
  if (!to || source === undefined || source === 'inherit') return;
  await pipeline(source, to).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EPIPE' && cause.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw cause;
  });
}
