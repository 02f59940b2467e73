// Header text is latin1, one character a byte, while configuration is Unicode: to compare them byte by byte, as Envoy
// does, the text of a rule is turned into the latin1 reading of its UTF-8 bytes.

/** Configuration text in the form that header values have. */
export function byteText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Lower case in ASCII only: any other byte belongs to a character that has more of them. */
export function asciiLower(text: string): string {
  return isAscii(text) ? text.toLowerCase() : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

export function isAscii(text: string): boolean {
  return !/[\x80-\uffff]/.test(text);
}

/** Text from a call as messages may quote it: short, and nothing that breaks a line. */
export function quoteText(text: string): string {
  const short = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}...` : text;
  return JSON.stringify(short);
}

const MAX_QUOTED = 128;
