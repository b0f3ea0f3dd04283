/** Numbers that look random and come again with the same seed (mulberry32, public domain). */
export interface Random {
  readonly seed: number;
  /** 0 up to, not including, 1. */
  next(): number;
  /** 0 up to, not including, `limit`. */
  below(limit: number): number;
  pick<T>(items: readonly T[]): T;
}

/** Seeded by REGIME_SEED where that is set, so that a failure can be had again. */
export function random(given = Number(process.env['REGIME_SEED'] ?? Date.now() % 2 ** 31)): Random {
  let state = given >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return {
    seed: given,
    next,
    below,
    pick: (items) => {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
  };
}

/** Runs a test and tells the seed where it fails. */
export async function seeded(test: (random: Random) => Promise<void> | void): Promise<void> {
  const source = random();
  try {
    await test(source);
  } catch (cause) {
    throw new Error(`${String(cause)}\n  again with REGIME_SEED=${source.seed}`, { cause });
  }
}
