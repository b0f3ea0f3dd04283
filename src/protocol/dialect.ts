/** The two generations of harness, which differ in how a copied directory meets an existing one. */
export type Dialect = 'classic' | 'current';

/** The words that only one generation says. */
const DIALECT_WORDS: Readonly<Record<string, Dialect>> = {
  'print-execute-command': 'current',
  execute: 'classic',
  'print-auxverb-command': 'classic',
  'print-shstring-command': 'classic',
};

/** What dialect is spoken: given at the start, else settled by the first dialect word heard. */
export interface DialectState {
  /** Classic until settled: a copy before any dialect word deletes what else the destination held. */
  readonly spoken: Dialect;
  hear(command: string): void;
}

export function dialectState(given?: Dialect): DialectState {
  let settled = given;
  return {
    get spoken() {
      return settled ?? 'classic';
    },
    hear(command) {
      settled ??= DIALECT_WORDS[command];
    },
  };
}
