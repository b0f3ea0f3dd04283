import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { cleanUpAfterTest } from './clean-up.ts';
import { tempDir } from './tempdir.ts';

/** A program on a terminal (tmux's). */
export interface TestTerminal {
  /** Presses keys, as tmux names them (`Enter`, `C-c`), or types text. */
  press(...keys: string[]): void;
  /** Types what might be the name of a key. */
  type(text: string): void;
  /** Waits until the screen fits; resolves with it. */
  shows(words: RegExp): Promise<string>;
  resize(columns: number, rows: number): void;
  /** As when the window is closed. */
  hangUp(): void;
  /** The screen with its escape sequences for colours. */
  colours(): string;
}

/** Milliseconds until a screen that does not come is a failure. */
const PATIENCE = 30_000;

/** Starts a program on a terminal of 100 columns; both are gone after the test. */
export function openTerminal(argv: readonly string[], env: Record<string, string>): TestTerminal {
  const directory = tempDir();
  const tmux = (...args: string[]): string => {
    const all = ['-S', `${directory}/socket`, '-f', '/dev/null', ...args];
    const done = spawnSync('tmux', all, { encoding: 'utf8' });
    if (done.status === 0) return done.stdout;
    throw new Error(`tmux ${args.join(' ')}: ${done.stderr}`);
  };
  const mark = `REGIME_TEST_TERMINAL=${directory}`;
  cleanUpAfterTest(async () => {
    spawnSync('tmux', ['-S', `${directory}/socket`, 'kill-server']);
    // What the hang-up reaches closes its testbed, and writes into its state until then.
    const limit = Date.now() + PATIENCE;
    while (runsWith(mark) && Date.now() < limit) await sleep(20);
  });
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  tmux(
    ...['new-session', '-d', '-x', '100', '-y', '30', '--', 'env', mark, ...variables],
    ...['sh', '-c', '"$@"; echo "ended with $?"; exec cat', 'sh', ...argv],
  );
  return {
    press: (...keys) => void tmux('send-keys', '--', ...keys),
    type: (text) => void tmux('send-keys', '-l', '--', text),
    async shows(words) {
      const limit = Date.now() + PATIENCE;
      for (;;) {
        const screen = tmux('capture-pane', '-p');
        if (words.test(screen)) return screen;
        if (Date.now() > limit) throw new Error(`${words} does not come:\n${screen}`);
        await sleep(50);
      }
    },
    resize: (columns, rows) =>
      void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
    hangUp: () => void tmux('kill-server'),
    colours: () => tmux('capture-pane', '-p', '-e'),
  };
}

/** True while a process has this in its environment. */
function runsWith(variable: string): boolean {
  const script = 'grep -qsF -e "$0" /proc/[0-9]*/environ';
  return spawnSync('sh', ['-c', script, variable]).status === 0;
}
