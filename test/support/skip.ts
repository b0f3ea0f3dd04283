import { appendFileSync } from 'node:fs';

/**
 * Skips the test (or, in a `before` hook, the tests of its suite) and says why. The reason goes into
 * the list that `npm test` prints at its end, and with CI=true it has to be an allowed one.
 */
export function skip(context: Mocha.Context, reason: string): never {
  const log = process.env['REGIME_TEST_SKIPS'];
  const entry = { title: titleOf(context), reason };
  if (log) appendFileSync(log, `${JSON.stringify(entry)}\n`);
  // Run without `npm test`: the reason is shown where the test is.
  else process.stderr.write(`      skipped: ${reason}\n`);
  return context.skip();
}

/** In a `before` hook Mocha calls the suite's first test the current one; the whole suite is meant. */
function titleOf({ test, currentTest }: Mocha.Context): string | undefined {
  if (test?.title.startsWith('"before all"')) return test.parent?.fullTitle();
  return (currentTest ?? test)?.fullTitle();
}
