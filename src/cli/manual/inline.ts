import { readMacroWords, type MacroWord } from './macro-words.ts';

/** Macros that only mark words, which plain text does not show. */
const MARKING = ['Cm', 'Ic', 'Pa', 'Ev', 'Em', 'Sy', 'Dv', 'Va', 'Li', 'Sx', 'Ar', 'Fl', 'Nm'];
/** What a macro puts around the rest of its line. */
const AROUND: Record<string, readonly [string, string]> = {
  Op: ['[', ']'],
  Pq: ['(', ')'],
  Dq: ['"', '"'],
  Sq: ["'", "'"],
  Ql: ["'", "'"],
};
const OPENED: Record<string, string> = { Oo: '[', Po: '(' };
const CLOSED: Record<string, string> = { Oc: ']', Pc: ')' };
/** What stands for the words that a macro was not given. */
const DEFAULTS: Record<string, string> = { Ar: 'file ...', Fl: '-' };

/** True where a line that begins with this macro is text of a paragraph. */
export function isInline(macro: string): boolean {
  return isMacro(macro);
}

/**
 * The text of a line that begins with a macro inside a paragraph.
 * @param line without the dot
 * @param page what `Nm` without words stands for
 */
export function renderInline(line: string, page: string): string {
  const words = readMacroWords(line);
  const lastWord = words.findLastIndex(({ delimiter }) => delimiter !== 'closing');
  const ends: string[] = [];
  let text = '';
  let macro = '';
  let given = true;
  let close = true;

  const put = (shown: string) => {
    text += close ? shown : ` ${shown}`;
    close = false;
  };
  const finish = () => {
    if (!given) put(macro === 'Nm' ? page : (DEFAULTS[macro] ?? ''));
    given = true;
  };

  for (let index = 0; index <= lastWord; index += 1) {
    const word = words[index];
    if (!word) break;
    if (word.plain && isMacro(word.text)) {
      finish();
      macro = word.text;
      const around = AROUND[macro];
      if (macro === 'Ns') {
        close = true;
      } else if (macro === 'Pf') {
        put(words[(index += 1)]?.text ?? '');
        close = true;
      } else if (macro === 'Xr') {
        const [name, section] = words.slice(index + 1, (index += 2) + 1);
        put(`${name?.text ?? ''}(${section?.text ?? ''})`);
      } else if (around) {
        put(around[0]);
        ends.unshift(around[1]);
        close = true;
      } else if (macro in OPENED) {
        put(OPENED[macro] ?? '');
        close = true;
      } else if (macro in CLOSED) {
        text += CLOSED[macro] ?? '';
        close = false;
      } else {
        given = !(macro === 'Nm' || macro in DEFAULTS);
      }
    } else if (word.delimiter) {
      finish();
      putDelimiter(word);
    } else {
      put(macro === 'Fl' ? `-${word.text}` : word.text);
      given = true;
    }
  }
  finish();
  const rest = words.slice(lastWord + 1).map((word) => word.text);
  return text + ends.join('') + rest.join('');

  function putDelimiter({ text: shown, delimiter }: MacroWord): void {
    if (delimiter === 'closing') close = true;
    put(shown);
    close = delimiter === 'opening';
  }
}

function isMacro(word: string): boolean {
  return (
    MARKING.includes(word) ||
    word in AROUND ||
    word in OPENED ||
    word in CLOSED ||
    ['Ns', 'Pf', 'Xr'].includes(word)
  );
}
