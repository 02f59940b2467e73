// The text of a YAML document, and changes to it that touch nothing else.

export interface TextEdit {
  /** What is replaced, by offsets; nothing where both are equal. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Throws where two edits overlap, which is a bug of whoever made them. Insertions at one offset keep their order. */
export function applyEdits(source: string, edits: readonly TextEdit[]): string {
  const ordered = edits.toSorted((a, b) => a.start - b.start);
  let at = 0;
  let result = '';
  for (const { start, end, text } of ordered) {
    if (start < at) throw new Error(`two edits of a document overlap at ${start}`);
    result += source.slice(at, start) + text;
    at = end;
  }
  return result + source.slice(at);
}

export class SourceText {
  readonly text: string;
  /** How its lines end. */
  readonly newline: string;

  constructor(text: string) {
    this.text = text;
    this.newline = /\r?\n/.exec(text)?.[0] ?? '\n';
  }

  lineStart(offset: number): number {
    return this.text.lastIndexOf('\n', offset - 1) + 1;
  }

  /** Where the line's own text ends, before its newline. */
  lineEnd(offset: number): number {
    const newline = this.text.indexOf('\n', offset);
    if (newline === -1) return this.text.length;
    return this.text[newline - 1] === '\r' ? newline - 1 : newline;
  }

  column(offset: number): number {
    return offset - this.lineStart(offset);
  }

  /** The end of the line that a value's last character is in; `end`: what the parser takes for its end. */
  lastLineEnd(end: number): number {
    // Block scalars and block collections are said to reach over their last newline.
    if (this.text[end - 1] === '\n') return this.text[end - 2] === '\r' ? end - 2 : end - 1;
    return this.lineEnd(end);
  }

  /** From the newline before a line to the end of a later one: what an insertion behind a line has put there. */
  linesBetween(start: number, end: number): { readonly start: number; readonly end: number } {
    const first = this.lineStart(start);
    const before = this.text[first - 2] === '\r' ? first - 2 : first - 1;
    return { start: Math.max(0, before), end: this.lastLineEnd(end) };
  }

  /** `lines`, each behind a newline and `column` spaces: what goes in behind a line. */
  indented(lines: string, column: number): string {
    const indent = ' '.repeat(column);
    return lines
      .split('\n')
      .map((line) => `${this.newline}${indent}${line}`)
      .join('');
  }
}
