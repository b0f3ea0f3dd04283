// Skipped tests: the list for people, and which of them continuous integration does not take.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from './set-up.mjs';

/** One line for each reason, with the tests that it kept from running. */
export function describeSkips(skipped) {
  const reasons = [...new Set(skipped.map(({ reason }) => reason))];
  return reasons.flatMap((reason) => [
    `${reason}:`,
    ...skipped.filter((skip) => skip.reason === reason).map(({ title }) => `  ${title}`),
  ]);
}

/** The skips that no line of test/allowed-skips.txt allows. */
export function unexpectedSkips(skipped) {
  const allowed = readAllowed();
  const isAllowed = ({ title }) => allowed.some((pattern) => pattern.test(title));
  return skipped
    .filter((skip) => !isAllowed(skip))
    .map(({ title, reason }) => `${title}: ${reason}`);
}

/** Lines of the file: the test's full title, in which `*` stands for anything, ` # ` and the reason. */
function readAllowed() {
  const lines = readFileSync(join(ROOT, 'test/allowed-skips.txt'), 'utf8').split('\n');
  const entries = lines.map((line) => line.trim()).filter((line) => line && !line.startsWith('#'));
  return entries.map((entry) => {
    const [title, reason] = entry.split(/\s+#\s+/, 2);
    if (!reason) throw new Error(`test/allowed-skips.txt: no reason after '#' in: ${entry}`);
    const pattern = title.split('*').map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'));
    return new RegExp(`^${pattern.join('.*')}$`);
  });
}
