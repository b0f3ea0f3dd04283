import { randomBytes } from 'node:crypto';

import type { Bytes } from '../../bytes.ts';
import { CopyFailed, lastWords } from '../../errors.ts';
import { collect } from '../collect.ts';
import { localPlace } from '../local.ts';
import type { Running } from '../place.ts';
import { STATUS } from './scripts.ts';

/** Bytes of stderr that are kept for the message. */
const WORDS = 1 << 16;

/** Milliseconds after an abort until we stop waiting for what holds a stream open: past KILL. */
const PATIENCE = 3000;

/** Kills the shell's process group when descriptor 3, whose other end we hold, comes to its end. */
const WATCH =
  '{ read -r _ <&3; kill -s KILL -- "-$$"; } >/dev/null 2>&1 &\n' + 'watch=$!; exec 3<&-\n';

/** How the two ends of a copy ended: exit statuses as a shell has them. */
export interface PipelineEnd {
  source: number;
  sink: number;
  /** What both wrote on stderr. */
  words: Bytes;
}

/** A pipeline on the host that is running. */
export interface Pipeline {
  /** What the sink writes to its stdout. It must be read. */
  readonly output: NodeJS.ReadableStream;
  /** @throws the signal's reason where that was aborted; both ends have then stopped */
  readonly ended: Promise<PipelineEnd>;
}

/**
 * Runs `source | sink` through one host shell, so that the data flow from one to the other through
 * a pipe of the kernel. Never a file: a process of the testbed that held a descriptor of a host's
 * file could open it anew through /proc, for writing.
 *
 * @param input the descriptor that the source has as stdin
 * @param heard told of each piece that one of them writes to stderr
 * @param patient true where an end may wait for somebody else, as for who reads a FIFO: then both end
 *   with this process, however that ends. Else they run dry without it
 */
export function startPipeline(
  source: Bytes,
  sink: Bytes,
  input: number | 'ignore',
  signal: AbortSignal,
  { heard, patient = false }: { heard?: (piece: Bytes) => void; patient?: boolean } = {},
): Pipeline {
  // Exit statuses come as lines on stderr with a word that the testbed can't guess.
  const mark = randomBytes(8).toString('hex');
  const script =
    'unset TAR_OPTIONS; export LC_ALL; LC_ALL=C\n' +
    (patient ? WATCH : '') +
    `{ ${source}\necho "${mark} source $?" >&2\n} | ${sink}\necho "${mark} sink $?" >&2` +
    (patient ? '\nkill "$watch"' : '');
  const running = localPlace.spawn(['sh', '-c', script], {
    stdio: [input, 'pipe', 'pipe', ...(patient ? (['pipe'] as const) : [])],
    signal,
  });
  const ended = endOf(running, signal, heard).then(({ words }) => {
    signal.throwIfAborted();
    const rest = words.split('\n').filter((line) => !line.startsWith(mark));
    const status = (end: string) =>
      Number(new RegExp(`^${mark} ${end} (\\d+)$`, 'm').exec(words)?.[1] ?? 255);
    return { source: status('source'), sink: status('sink'), words: rest.join('\n') };
  });
  // Its reader may be busy with the output when it rejects.
  ended.catch(() => {});
  return { output: running.stdout as NodeJS.ReadableStream, ended };
}

/** The end of a pipeline that writes nothing on its stdout. */
export async function runPipeline(
  source: Bytes,
  sink: Bytes,
  input: number | 'ignore',
  signal: AbortSignal,
  heard?: (piece: Bytes) => void,
): Promise<PipelineEnd> {
  const { output, ended } = startPipeline(source, sink, input, signal, { ...(heard && { heard }) });
  output.resume();
  return ended;
}

/**
 * How one command ended, as a shell's status, and what it wrote on stderr. After an abort it waits
 * no longer than SIGKILL takes: what left the process group could hold the streams open for ever.
 */
export async function endOf(
  running: Running,
  signal: AbortSignal,
  heard?: (piece: Bytes) => void,
): Promise<{ status: number; words: Bytes }> {
  let timer: NodeJS.Timeout | undefined;
  const letGo = () => {
    timer = setTimeout(() => {
      for (const stream of [running.stdout, running.stderr, running.stdin]) {
        (stream as { destroy?: () => void } | null)?.destroy?.();
      }
    }, PATIENCE);
  };
  if (signal.aborted) letGo();
  else signal.addEventListener('abort', letGo, { once: true });
  try {
    const words = collect(running.stderr, WORDS, heard).catch(() => '');
    const ending = await running.ended;
    return { status: 'status' in ending ? ending.status : 255, words: await words };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', letGo);
  }
}

/**
 * Turns the end of a copy into its error. The sink's own words come first: a source that lost its
 * sink only died of that.
 *
 * @param step as in "cannot copy /a to the testbed"
 * @throws CopyFailed
 */
export function checkEnd(
  step: string,
  end: PipelineEnd,
  sides: { source: string; sink: string },
): void {
  const failed = end.sink !== 0 ? 'sink' : end.source !== 0 ? 'source' : undefined;
  if (!failed) return;
  const status = end[failed];
  const output = lastWords(tarWords(end.words));
  throw new CopyFailed({
    step: `${step}: ${sides[failed]}`,
    ...(status !== STATUS.refused &&
      status !== STATUS.noTar && { status: `exit status ${status}` }),
    ...(output !== '' && { output }),
    ...(status === STATUS.noTar && {
      hint: 'a directory can only be copied with tar on both ends',
    }),
  });
}

/** What tar writes for a meter, before a number; `tarWords` leaves it out. */
export const SENT = 'regime: sent';
const COUNTS = new RegExp(`^tar: ${SENT} \\d+\n?`, 'gm');

/**
 * What tar wrote without its last line, which only says that there were others before, and without
 * what it told a meter.
 */
export function tarWords(words: Bytes): Bytes {
  return words
    .replace(COUNTS, '')
    .replace(/^tar: (Error is not recoverable|Exiting with failure status).*\n?/gm, '');
}
