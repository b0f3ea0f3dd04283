import { createInterface, type AsyncCompleter } from 'node:readline';
import { isatty, ReadStream } from 'node:tty';

/** Where lines are typed. */
export interface Prompt {
  /** The next line; undefined where the input has ended, as by Ctrl-D. */
  ask(text: string): Promise<string | undefined>;
  /** The same, for an answer that nobody wants to see again. */
  confirm(text: string): Promise<string | undefined>;
}

/**
 * Asks for lines on the terminal. Between two questions the terminal is as it was: what runs
 * meanwhile may read it, and Ctrl-C is a signal.
 * @param history the newest line first; grows
 * @param signal ends the input
 */
export function promptOnTerminal(
  history: string[],
  completer: AsyncCompleter,
  signal: AbortSignal,
): Prompt {
  /** Lines that came with the one before, as when several are pasted. */
  const pasted: string[] = [];
  let unfinished = '';
  // A terminal that knows no escape sequences gets none.
  const terminal = process.env['TERM'] !== 'dumb';

  async function read(text: string): Promise<string | undefined> {
    const input = terminalInput();
    const editor = createInterface({
      input,
      output: process.stdout,
      prompt: text,
      history: [...history],
      historySize: 1000,
      removeHistoryDuplicates: true,
      completer: (line, done) => {
        completer(line, (failed, found) => {
          // What was typed meanwhile would be torn.
          const stale = editor.line.slice(0, editor.cursor) !== line;
          done(failed, stale ? [[], line] : found);
        });
      },
      terminal,
      signal,
    });
    // Where the terminal itself edits the line it has dropped that, and Ctrl-C is a signal here too.
    const askAgain = () => {
      process.stdout.write('\n');
      editor.prompt();
    };
    if (!terminal) process.on('SIGINT', askAgain);
    const line = await new Promise<string | undefined>((resolve) => {
      editor.on('line', (typed) => pasted.push(typed));
      // Once all that came with the line has been looked at.
      editor.once('line', () => setImmediate(() => resolve(pasted.shift())));
      // The terminal has hung up: that ends the input.
      editor.on('error', () => {});
      editor.once('close', () => resolve(undefined));
      editor.on('SIGINT', () => {
        process.stdout.write('^C\n');
        // Takes back what was typed.
        editor.write(null, { ctrl: true, name: 'e' });
        editor.write(null, { ctrl: true, name: 'u' });
      });
      editor.prompt();
      if (unfinished !== '') editor.write(unfinished);
    });
    unfinished = line === undefined ? '' : editor.line;
    editor.close();
    process.removeListener('SIGINT', askAgain);
    if (input !== process.stdin) input.destroy();
    return line;
  }

  const confirm = async (text: string) => {
    let line = pasted.shift();
    if (line !== undefined) process.stdout.write(`${text}${line}\n`);
    else line = await read(text);
    if (line === undefined) process.stdout.write('\n');
    return line;
  };
  return {
    confirm,
    async ask(text) {
      const line = await confirm(text);
      if (line !== undefined && line.trim() !== '' && line !== history[0]) history.unshift(line);
      return line;
    },
  };
}

/** Where the terminal itself edits lines Ctrl-D ends Node's stream for good; only a hang-up ends the terminal. */
function terminalInput(): ReadStream {
  return process.stdin.readableEnded && isatty(0) ? new ReadStream(0) : process.stdin;
}
