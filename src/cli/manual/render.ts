import { isInline, renderInline } from './inline.ts';
import { readMacroWords, unescape } from './macro-words.ts';
import { startText, type ManualText } from './text.ts';

/** Columns by which a display, and a list without a width of its own, is set in. */
const STEP = 6;

/** A list that is open. */
interface List {
  /** Columns from the margin to its heads. */
  margin: number;
  /** Columns from its heads to its text. */
  width: number;
  bullet: boolean;
  compact: boolean;
}

/**
 * A manual page as plain text, for where there is no man(1). It knows of mdoc(7) what our own pages
 * use; a macro that it does not know is shown as it stands.
 * @param source the page in mdoc(7)
 * @param columns how wide the text may become
 */
export function renderPage(source: string, columns: number): string {
  const text = startText(columns);
  const lists: List[] = [];
  let page = '';
  let section = '';
  let cited: string[] = [];

  for (const [whole, display] of source.matchAll(/^\.Bd .*\n([^]*?)^\.Ed$|^.*$/gm)) {
    if (whole.startsWith('.\\"')) continue;
    const [, macro = '', rest = ''] = /^\.(\S+)\s*(.*)$/.exec(whole) ?? [];
    if (display !== undefined) show(display);
    else if (macro === '') text.words(unescape(whole));
    else block(macro, rest);
  }
  return text.end();

  function block(macro: string, rest: string): void {
    if (macro === 'Sh') {
      section = unescape(rest);
      text.heading(section, 0);
    } else if (macro === 'Ss') {
      text.heading(renderInline(rest, page), 3);
    } else if (macro === 'Pp') {
      text.blank();
    } else if (macro === 'Nm' && section === 'NAME') {
      page = rest;
      text.words(rest);
    } else if (macro === 'Nd') {
      text.words(`- ${unescape(rest)}`);
    } else if (macro === 'Nm' && section === 'SYNOPSIS') {
      const name = renderInline(`Nm ${rest}`, page);
      text.item(name, text.sectionMargin, name.length + 1);
    } else if (macro === 'Dl' || macro === 'D1') {
      text.setIn(STEP);
      text.line(renderInline(`Li ${rest}`, page));
      text.setIn(-STEP);
    } else if (macro === 'Bl') {
      lists.push(readList(rest, text));
    } else if (macro === 'It') {
      item(rest);
    } else if (macro === 'El') {
      text.margin(lists.pop()?.margin ?? text.sectionMargin);
    } else if (macro === 'Rs') {
      cited = [];
    } else if (macro.startsWith('%')) {
      cited.push(rest);
    } else if (macro === 'Re') {
      text.words(`${cited.join(', ')}.`);
    } else if (isInline(macro)) {
      text.words(renderInline(`${macro} ${rest}`, page));
    } else if (!['Dd', 'Dt', 'Os'].includes(macro)) {
      text.words(unescape(`.${macro} ${rest}`));
    }
  }

  function show(display: string): void {
    text.blank();
    text.setIn(STEP);
    for (const line of display.trimEnd().split('\n')) text.line(unescape(line));
    text.setIn(-STEP);
  }

  function item(rest: string): void {
    const list = lists.at(-1);
    if (!list) return;
    if (!list.compact) text.blank();
    const head = list.bullet ? '*' : renderInline(`Li ${rest}`, page);
    text.item(head, list.margin, list.width);
  }
}

function readList(rest: string, text: ManualText): List {
  const words = readMacroWords(rest).map((word) => word.text);
  const bullet = words.includes('-bullet');
  const width = words[words.indexOf('-width') + 1] ?? '';
  return {
    margin: text.currentMargin(),
    width: bullet ? 4 : width === 'Ds' ? STEP : width.length + 2,
    bullet,
    compact: words.includes('-compact'),
  };
}
