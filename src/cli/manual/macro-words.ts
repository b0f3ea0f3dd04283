/** A word of a line of mdoc(7). */
export interface MacroWord {
  /** As it is shown, without escapes. */
  text: string;
  /** Punctuation as mdoc knows it, which stands close to a neighbour. */
  delimiter?: 'opening' | 'closing' | 'middle';
  /** False where it was quoted or escaped, and so is never a macro. */
  plain: boolean;
}

const CLOSING = /^[.,:;)\]?!]$/;
const SPECIAL: Record<string, string> = { en: '-', em: '--', aq: "'", dq: '"', bu: '*' };

/** The words of what stands after the name of a macro. */
export function readMacroWords(line: string): MacroWord[] {
  const found = line.matchAll(/(?<!\S)"((?:[^"]|"")*)"|(\S+)/g);
  return [...found].map(([, quoted, bare = '']) => {
    if (quoted !== undefined) return { text: unescape(quoted.replaceAll('""', '"')), plain: false };
    const delimiter = delimiterOf(bare);
    return { text: unescape(bare), plain: !bare.includes('\\'), ...(delimiter && { delimiter }) };
  });
}

function delimiterOf(word: string): MacroWord['delimiter'] {
  if (CLOSING.test(word)) return 'closing';
  return word === '(' || word === '[' ? 'opening' : word === '|' ? 'middle' : undefined;
}

/** Text without the escapes of roff(7); of those only what our pages use. */
export function unescape(text: string): string {
  return text.replace(/\\(?:\((..)|(.))/g, (_, special?: string, one?: string) => {
    if (special !== undefined) return SPECIAL[special] ?? special;
    return one === 'e' ? '\\' : one === '&' ? '' : (one ?? '');
  });
}
