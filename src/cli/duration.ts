import type { Bytes } from '../bytes.ts';
import { wrongValue } from './words.ts';

const UNITS: Record<string, number> = {
  '': 1000,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The value of an option, a duration, in milliseconds. @throws UsageError that names the option */
export function readDuration(option: string, value: Bytes): number {
  const duration = parseDuration(value);
  if (duration !== undefined) return duration;
  throw wrongValue(option, value, 'a duration, as 90s, 5m or 1h30m');
}

/**
 * A duration as people write it (`90`, `90s`, `5m`, `1h30m`, `2d`; without a unit seconds) in
 * milliseconds; undefined where it is none.
 */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$|^\d+(\.\d+)?$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])?/g)) {
    total += Number(count) * (UNITS[unit] ?? NaN);
  }
  return Number.isFinite(total) ? total : undefined;
}
