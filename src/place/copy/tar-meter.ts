import type { Argv, Bytes } from '../../bytes.ts';
import type { Advance, Logger } from '../../log.ts';
import { collect } from '../collect.ts';
import { quoteWord } from '../quote.ts';
import { SENT, startPipeline } from './pipeline.ts';

/** Counts what the host's tar sends; nothing where nobody follows. */
export interface TarMeter {
  /** For its command line. */
  options: Argv;
  /** For what it writes to stderr. */
  heard(piece: Bytes): void;
  advance(): Advance;
}

/** Records of 10,240 bytes between two lines of tar's. */
const INTERVAL = 100;
const RECORD = 10_240;

/** Bytes of a number. */
const DIGITS = 32;

const LAST_COUNT = new RegExp(`[^]*${SENT} (\\d+)\n`);

/**
 * Measures a tree that tar sends with pax headers: 1,536 bytes for each member, and the data in blocks.
 * @param signal ends the looking for how much there is
 */
export function measureTree(source: Bytes, { follow }: Logger, signal: AbortSignal): TarMeter {
  const meter: { done: number; total?: number } = { done: 0 };
  if (!follow) return { options: [], heard() {}, advance: () => meter };
  const sum = '{ n += 1536; if ($1 == "f") n += int(($2 + 511) / 512) * 512 } END { print n + 0 }';
  // In a large tree it takes long: it must not go on without us.
  const { output } = startPipeline(
    `find ${quoteWord(`${source}/`)} -printf '%y %s\\n'`,
    `awk '${sum}'`,
    'ignore',
    signal,
    { patient: true },
  );
  void collect(output, DIGITS).then(
    (text) => {
      const total = Number(text);
      if (total > 0) meter.total = total;
    },
    () => {},
  );
  return {
    options: [`--checkpoint=${INTERVAL}`, `--checkpoint-action=echo=${SENT} %u`],
    heard(piece) {
      const [, count] = LAST_COUNT.exec(piece) ?? [];
      if (count !== undefined) meter.done = Number(count) * RECORD;
    },
    advance: () => meter,
  };
}
