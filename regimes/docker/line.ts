import type { FailureDetails } from '../../src/errors.ts';

/** Why an engine is not reached, or not any more. */
export type Trouble = Pick<FailureDetails, 'output' | 'hint'> & { status: string };

/** One connection to an engine, or the attempt at one. Either direction may end before the other. */
export interface Line {
  readonly input: NodeJS.WritableStream;
  readonly output: NodeJS.ReadableStream;
  /** Settles when it is over, with the trouble if there was any. Never rejects. */
  readonly over: Promise<Trouble | undefined>;
  /** Ends it at once. */
  destroy(): void;
}

/** Reaches one engine as often as it is asked. */
export interface Dialler {
  /** Gives a line at once; whether it leads anywhere it tells itself. */
  dial(): Line;
  /** How many may be without a word from the engine at a time: an sshd drops what comes too thick. */
  readonly patience: number;
  /** Ends what was dialled ahead. */
  close(): void;
}

/** Milliseconds after which a line that nobody took is given up: engines end what stays silent. */
const FRESH = 60_000;

/**
 * Keeps lines ready, where it takes a while until one stands. The first one has to prove that there is
 * an engine at all.
 */
export function dialAhead(dialler: Dialler, count: number): Dialler {
  const ahead = new Map<Line, NodeJS.Timeout>();
  let proven = false;
  const drop = (line: Line) => {
    clearTimeout(ahead.get(line));
    return ahead.delete(line);
  };
  const fill = () => {
    while (proven && ahead.size < count) {
      const line = dialler.dial();
      const giveUp = () => {
        if (drop(line)) line.destroy();
      };
      ahead.set(line, setTimeout(giveUp, FRESH).unref());
      void line.over.then(() => drop(line));
    }
  };
  return {
    patience: dialler.patience,
    dial() {
      const [ready] = ahead.keys();
      if (ready) drop(ready);
      const line = ready ?? dialler.dial();
      fill();
      proven = true;
      return line;
    },
    close() {
      for (const line of [...ahead.keys()]) {
        drop(line);
        line.destroy();
      }
      dialler.close();
    },
  };
}
