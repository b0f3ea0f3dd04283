/**
 * What somebody who wrote `typed` has probably meant, as words for the end of a message: nothing where
 * no name is near.
 */
export function didYouMean(typed: string, names: readonly string[]): string {
  const word = typed.toLowerCase();
  const near = names
    .map((name) => ({ name, edits: name.startsWith(word) ? 1 : countEdits(word, name) }))
    .filter(({ edits }) => edits <= Math.max(1, Math.floor(word.length / 3)));
  const least = Math.min(...near.map(({ edits }) => edits));
  const nearest = near.filter(({ edits }) => edits === least).map(({ name }) => name);
  return nearest.length > 0 && word.length > 1 ? `; did you mean ${nearest.join(' or ')}?` : '';
}

/** Letters that are wrong, missing, too many, or two that have changed places. */
function countEdits(word: string, name: string): number {
  let before: number[] = [];
  let row = Array.from({ length: name.length + 1 }, (_, column) => column);
  for (let line = 1; line <= word.length; line += 1) {
    const next = [line];
    for (let column = 1; column <= name.length; column += 1) {
      const same = word[line - 1] === name[column - 1];
      const swapped = word[line - 2] === name[column - 1] && word[line - 1] === name[column - 2];
      next[column] = Math.min(
        (row[column] ?? 0) + 1,
        (next[column - 1] ?? 0) + 1,
        (row[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? Infinity) + 1 : Infinity,
      );
    }
    before = row;
    row = next;
  }
  return row[name.length] ?? 0;
}
