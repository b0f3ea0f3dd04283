/**
 * True where a name is matched by one of some patterns and by none that has a `!` before it, as in
 * PATTERNS of ssh_config(5): `*` is any characters, `?` exactly one. Letters' case does not count.
 */
export function matchesPatterns(name: string, patterns: readonly string[]): boolean {
  const matches = (pattern: string) => globRegExp(pattern).test(name);
  const refused = patterns.some((pattern) => pattern[0] === '!' && matches(pattern.slice(1)));
  return !refused && patterns.some((pattern) => pattern[0] !== '!' && matches(pattern));
}

function globRegExp(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.+|()[\]{}]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 'is');
}
