import { percentDecode, percentEncode, type Argv, type Bytes } from '../bytes.ts';
import { asError, TestbedError } from '../errors.ts';
import { describeEnding, type Place } from './place.ts';

/** Takes two programs from stdin, parted by a NUL: the monitor's own and the auxverb's. */
const BOOTSTRAP = `my ($text, $length) = ('', shift);
while (length $text < $length) {
    sysread(STDIN, $text, $length - length $text, length $text) or exit 1;
}
our ($monitor, $auxverb) = split /\\0/, $text;
eval $monitor;
die $@ if $@;
`;

/** What a monitor is made of, in perl. */
export interface MonitorPrograms {
  /** Ends with a call of what takes requests from stdin and answers them on stdout. */
  monitor: Bytes;
  /** Left to the monitor in `$main::auxverb`. */
  auxverb: Bytes;
  /** The last of its arguments, by which it can be found. */
  name?: string;
}

/**
 * The connection to a monitor: a process on a Place, in a session of its own, that looks after a
 * testbed. Its stdin is the testbed's lifeline: when the server goes, however it goes, the kernel
 * closes it, and the monitor ends the testbed.
 */
export interface Monitor {
  /**
   * Sends a line of percent-encoded words and resolves with the words of the answer after `ok`. One
   * question at a time; where one is given up there is no other, only `drop`.
   * @throws TestbedError where the answer is a failure, or the monitor has gone
   */
  ask(words: Argv, options?: AskOptions): Promise<Bytes[]>;
  /** Sends a word that has no answer. */
  tell(word: string): void;
  /**
   * Ends the lifeline: the monitor ends the testbed and removes what is left of it.
   * @param atOnce ends what the monitor is busy with too, as unpacking
   */
  drop(atOnce?: boolean): void;
  /** Leaves the monitor to itself: it was told to outlive us. */
  release(): void;
  /** Resolves when the monitor has ended. */
  readonly ended: Promise<void>;
}

export interface AskOptions {
  /** Ends the waiting; the promise then rejects with its reason. */
  signal?: AbortSignal;
  /** Told what the monitor says before it answers: whom it waits for, or how far it is. */
  onWait?: (what: Bytes) => void;
}

/**
 * Starts a monitor on a Place.
 * @param gainRoot words to put before its command line, to become root
 */
export function startMonitor(outer: Place, gainRoot: Argv, programs: MonitorPrograms): Monitor {
  const text = Buffer.from(`${programs.monitor}\0${programs.auxverb}`, 'latin1');
  const { name } = programs;
  const words = [
    'perl',
    '-e',
    BOOTSTRAP,
    String(text.length),
    ...(name === undefined ? [] : [name]),
  ];
  const argv = [...gainRoot, ...plainly(), ...words];
  const running = outer.spawn(argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = running;
  if (!stdin || !stdout || !stderr) throw new Error('spawn made no pipes');

  let lastWords = '';
  let unread = '';
  let answered = (_line: Bytes | undefined) => {};
  stdout.on('data', (chunk: Buffer) => {
    const lines = (unread + chunk.toString('latin1')).split('\n');
    unread = lines.pop() ?? '';
    for (const line of lines) answered(line);
  });
  stderr.on('data', (chunk: Buffer) => {
    lastWords = (lastWords + chunk.toString('latin1')).slice(-4096);
  });
  stdin.on('error', () => {}); // It has gone: the missing answer tells.
  let status = '';
  let givenUp = false;
  const ended = running.ended.then(
    (ending) => void (status = describeEnding(ending)),
    (cause: unknown) => void (status = asError(cause).message),
  );
  void ended.then(() => answered(undefined));

  const gone = (step: string) =>
    new TestbedError({
      step,
      command: [...gainRoot, 'perl'],
      status,
      output: lastWords,
      ...(/status 12[67]/.test(status) && { hint: `perl is needed on ${outer.label}` }),
    });
  stdin.write(text);
  return {
    ended,
    ask: (words, { signal, onWait } = {}) =>
      new Promise((resolve, reject) => {
        const step = `the monitor of the testbed has ended (${words[0]})`;
        if (status || givenUp) return reject(gone(step));
        const settle = (outcome: () => void) => {
          answered = () => {};
          signal?.removeEventListener('abort', giveUp);
          outcome();
        };
        const giveUp = () => {
          givenUp = true;
          settle(() => reject(asError(signal?.reason)));
        };
        answered = (line) => {
          const [verdict, ...values] = (line ?? '').split(' ').map(percentDecode);
          if (verdict === 'waiting') return onWait?.(values[0] ?? '');
          settle(() => {
            if (line === undefined) reject(gone(step));
            else if (verdict === 'ok') resolve(values);
            else reject(new TestbedError({ step: values[0] ?? '', status: values[1] ?? '' }));
          });
        };
        if (signal?.aborted) return giveUp();
        signal?.addEventListener('abort', giveUp, { once: true });
        stdin.write(`${words.map(percentEncode).join(' ')}\n`);
      }),
    tell: (word) => void stdin.write(`${word}\n`),
    release: () => running.release?.(),
    drop(atOnce = false) {
      stdin.end();
      if (atOnce) running.kill('SIGTERM');
    },
  };
}

/** What a caller's environment asks of perl, as PERL5OPT=-MDevel::Cover, is none of the monitor's. */
function plainly(): string[] {
  const asked = Object.keys(process.env).filter((name) => /^PERL\w*$/.test(name));
  return asked.length === 0 ? [] : ['env', ...asked.flatMap((name) => ['-u', name])];
}
