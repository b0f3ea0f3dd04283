import type { Argv, Bytes } from '../../../src/bytes.ts';
import type { Connection } from '../connection/channel.ts';
import type { Becoming } from './command-line.ts';
import { startWrapper, type WindowSize, type Wrapper } from './wrapper.ts';

/** The far side of a connection, and how commands are run there. */
export interface FarSide {
  readonly connection: Connection;
  readonly become: Becoming;
  /** The session's directory there, in which commands are written down; empty where there is none. */
  directory: Bytes;
  /** `VAR=VALUE`; where there is none commands have what they are given there. */
  environment: Argv;
  /** A wrapper that has no order yet. @throws TestbedError */
  wrapper(terminal?: WindowSize, signal?: AbortSignal): Promise<Wrapper>;
  /** Keeps so many wrappers ready from now on. */
  standBy(count: number): void;
}

/**
 * What a connection leads to. A login shell may take its time (bash reads ~/.bashrc for each command), and
 * so may sudo: some wrappers are kept that have got that behind them.
 */
export function farSideOf(connection: Connection, become: Becoming): FarSide {
  const ready = new Set<Wrapper>();
  let starting = 0;
  let wished = 0;
  const fill = () => {
    while (ready.size + starting < wished) {
      starting += 1;
      startWrapper(connection, become, undefined, undefined).then(keep, giveUp);
    }
  };
  const keep = (wrapper: Wrapper) => {
    starting -= 1;
    if (wished === 0) return wrapper.channel.close();
    ready.add(wrapper);
    void wrapper.channel.exited.then(() => ready.delete(wrapper));
  };
  /** Whoever wants one next hears why there is none. */
  const giveUp = () => {
    starting -= 1;
  };
  return {
    connection,
    become,
    directory: '',
    environment: [],
    async wrapper(terminal, signal) {
      const [first] = terminal ? [] : ready;
      if (!first) return startWrapper(connection, become, terminal, signal).finally(fill);
      ready.delete(first);
      fill();
      return first;
    },
    standBy(count) {
      wished = count;
      if (count > 0) return fill();
      for (const { channel } of ready) channel.close();
      ready.clear();
    },
  };
}
