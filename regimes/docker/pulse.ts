import type { Dialler, Trouble } from './line.ts';

/** Milliseconds between two questions, and that an answer may take. */
const INTERVAL = 5000;
const PATIENCE = 20_000;

/** What is known of an engine's life. */
export interface Pulse {
  /** Why nothing can be asked of it now: it has fallen silent. */
  trouble(): Trouble | undefined;
  stop(): void;
}

/**
 * Asks an engine for signs of life while somebody waits for it: a machine that was switched off says
 * nothing, and the kernel would wait for it for a quarter of an hour.
 * @param isWanted whether somebody waits
 * @param giveUp told once when the engine has fallen silent
 */
export function watchPulse(
  dialler: Dialler,
  { isWanted, giveUp }: { isWanted: () => boolean; giveUp: (trouble: Trouble) => void },
): Pulse {
  let silent: Trouble | undefined;
  let asking = false;
  const timer = setInterval(() => {
    if (asking || !(silent || isWanted())) return;
    asking = true;
    void ask(dialler).then((answered) => {
      asking = false;
      const before = silent;
      silent = answered ? undefined : { status: `no answer within ${PATIENCE / 1000} s` };
      if (silent && !before) giveUp(silent);
    });
  }, INTERVAL);
  timer.unref();
  return { trouble: () => silent, stop: () => clearInterval(timer) };
}

/** False only where nothing at all is heard: what is refused was heard of, and who asks will see why. */
function ask(dialler: Dialler): Promise<boolean> {
  const line = dialler.dial();
  return new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE);
    const heard = () => {
      clearTimeout(timer);
      resolve(true);
    };
    line.input.on('error', () => {});
    line.output.on('error', () => {});
    line.output.once('data', heard);
    void line.over.then(heard);
    line.input.write('GET /_ping HTTP/1.0\r\n\r\n');
  }).finally(() => line.destroy());
}
