import { debianTree, hasFixtures } from '../../support/fixtures.ts';
import { skip } from '../../support/skip.ts';

/** Skips a suite that needs root and a Debian root file system; gives the latter's directory. */
export function needRoot(context: Mocha.Context): string {
  if (process.getuid?.() !== 0) skip(context, 'only root can do this');
  if (!hasFixtures()) skip(context, 'there is no Debian root file system');
  return debianTree();
}
