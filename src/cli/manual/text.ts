import { fold } from '../help.ts';

/** Columns from the margin to the text of a section. */
const SECTION = 5;

/** A page while it is written. */
export interface ManualText {
  readonly sectionMargin: number;
  currentMargin(): number;
  /** Words that fill the paragraph. */
  words(text: string): void;
  /** A line by itself, which is never folded. */
  line(text: string): void;
  /** Ends the paragraph; an empty line follows, but none below a heading. */
  blank(): void;
  heading(text: string, margin: number): void;
  /** Begins what stands beside its head, or below where that is wider. */
  item(head: string, margin: number, width: number): void;
  margin(columns: number): void;
  /** Moves the margin by that many columns. */
  setIn(columns: number): void;
  /** All of it. */
  end(): string;
}

/** Begins a page that is `columns` wide. */
export function startText(columns: number): ManualText {
  const lines: string[] = [];
  let paragraph: string[] = [];
  let margin = SECTION;
  let head: string | undefined;
  let wanted = false;

  /** An empty line is only written when more follows it. */
  const write = (...added: string[]) => {
    if (wanted && lines.length > 0) lines.push('');
    wanted = false;
    lines.push(...added);
  };

  function flush(): void {
    if (paragraph.length === 0 && head === undefined) return;
    const body = paragraph.length > 0 ? fold(paragraph.join(' '), margin, columns) : [];
    paragraph = [];
    const first = head ?? '';
    head = undefined;
    if (first === '') write(...body);
    else if (first.length >= margin) write(first, ...body);
    else write(first.padEnd(margin) + (body.shift()?.trimStart() ?? ''), ...body);
  }

  return {
    sectionMargin: SECTION,
    currentMargin: () => margin,
    words(text) {
      // What closes a bracket stands close to what is in it.
      const inside = /^[)\]]/.test(text) ? paragraph.pop() : undefined;
      if (text !== '') paragraph.push((inside ?? '') + text);
    },
    line(text) {
      flush();
      write((' '.repeat(margin) + text).trimEnd());
    },
    blank() {
      flush();
      wanted = !isHeading(lines.at(-1));
    },
    heading(text, columnsIn) {
      flush();
      wanted = true;
      write(' '.repeat(columnsIn) + text);
      margin = SECTION;
    },
    item(text, from, width) {
      flush();
      head = ' '.repeat(from) + text;
      margin = from + width;
    },
    margin(to) {
      flush();
      margin = to;
    },
    setIn(by) {
      flush();
      margin += by;
    },
    end() {
      flush();
      return `${lines.map((one) => one.trimEnd()).join('\n')}\n`;
    },
  };
}

function isHeading(line = ''): boolean {
  return line !== '' && !line.startsWith(' '.repeat(SECTION));
}
