import { shown } from '../errors.ts';
import { describeEnding, type Ending } from '../place/place.ts';

/** The server does not do what its contract says. */
export class Departure extends Error {
  override readonly name = 'Departure';
}

/** The case can't be tried on this server. */
export class Skipped extends Error {
  override readonly name = 'Skipped';
}

/** Ends a case without a verdict. */
export function skip(reason: string): never {
  throw new Skipped(reason);
}

/** Ends a case with a failure. */
export function fail(message: string): never {
  throw new Departure(message);
}

export function check(condition: unknown, message: string): asserts condition {
  if (!condition) fail(message);
}

export function checkEqual(actual: unknown, expected: unknown, what: string): void {
  if (Object.is(actual, expected)) return;
  fail(`${what} is ${inspect(actual)}, not ${inspect(expected)}`);
}

/** Compares flat lists and records member by member. */
export function checkSame(actual: object, expected: object, what: string): void {
  checkEqual(JSON.stringify(actual), JSON.stringify(expected), what);
}

export function checkEnding(ending: Ending, expected: Ending, who = 'the server'): void {
  const [got, wanted] = [describeEnding(ending), describeEnding(expected)];
  if (got !== wanted) fail(`${who} ended with ${got}, not ${wanted}`);
}

function inspect(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(shown(value, 600)) : String(value);
}
