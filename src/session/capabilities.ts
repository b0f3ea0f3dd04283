import type { Bytes } from '../bytes.ts';
import type { Capability } from '../protocol/session.ts';
import type { Testbed } from '../regime.ts';
import type { Facts } from './probe.ts';

/** What a closed session promises: what its regimes foresee. */
export interface Foreseen {
  root?: boolean;
  reverts?: 'packages' | 'everything';
  reboot?: boolean;
}

/** The capabilities before `open`, if all goes as usual. */
export function foreseenCapabilities(
  { root, reverts, reboot }: Foreseen,
  vouched: readonly Bytes[],
) {
  return merge(
    [
      ...(reverts ? [{ name: 'revert' }] : []),
      ...(reverts === 'everything' ? [{ name: 'revert-full-system' }] : []),
      ...(reboot ? [{ name: 'reboot' }] : []),
      ...(root ? [{ name: 'root-on-testbed' }] : []),
    ],
    vouched,
  );
}

/**
 * What an open testbed can do, computed from the object and from what the probe showed.
 * @param reverts what `revert` of the whole chain takes back
 */
export function openCapabilities(
  testbed: Testbed,
  facts: Facts,
  reverts: 'packages' | 'everything' | undefined,
  vouched: readonly Bytes[],
): Capability[] {
  const { traits } = testbed;
  const root = facts.uid === 0 && traits.limitedRoot === undefined;
  const found: Capability[] = [];
  if (reverts) found.push({ name: 'revert' });
  // A harness that finds root but no normal user makes one itself, and dies where it has no tool for it.
  if (reverts === 'everything' && (!root || facts.normalUser !== undefined)) {
    found.push({ name: 'revert-full-system' });
  }
  if (testbed.reboot) found.push({ name: 'reboot' });
  if (root) found.push({ name: 'root-on-testbed' });
  if (facts.normalUser !== undefined) {
    found.push({ name: 'suggested-normal-user', value: facts.normalUser });
  }
  if (traits.isolation !== 'none') found.push({ name: `isolation-${traits.isolation}` });
  if (facts.scratchOnHost !== undefined) {
    found.push({ name: 'downtmp-host', value: facts.scratchOnHost });
  }
  return merge(found, [...(traits.vouched ?? []), ...vouched]);
}

/**
 * Adds what the user vouches for, but for commands that the testbed has no way to carry out. A shared
 * directory is a hole in an isolation: never both.
 */
function merge(found: readonly Capability[], vouched: readonly Bytes[]): Capability[] {
  const names = found.map(({ name }) => name);
  const needed: Partial<Record<string, string>> = {
    revert: 'revert',
    'revert-full-system': 'revert',
    reboot: 'reboot',
  };
  const possible = vouched
    .map(parseWord)
    .filter(({ name }) => names.includes(needed[name] ?? name) || needed[name] === undefined);
  const all = [...found, { name: 'execute-debug' }, ...possible];
  const isolated = all.some(({ name }) => name.startsWith('isolation-'));
  const seen = new Set<string>();
  return all.filter(({ name, value }) => {
    if (isolated && name === 'downtmp-host') return false;
    const word = `${name}=${value ?? ''}`;
    return !seen.has(word) && seen.add(word);
  });
}

function parseWord(word: Bytes): Capability {
  const at = word.indexOf('=');
  return at < 0 ? { name: word } : { name: word.slice(0, at), value: word.slice(at + 1) };
}
