// What an agent and the one that takes over from it say to each other: a line of JSON each over a Unix socket, always the
// successor first.

/** Raised when agents of different versions would misunderstand each other; they say so then, and the older one goes on. */
export const TAKEOVER_PROTOCOL = 1;

export type FromSuccessor =
  | Hello
  /** Hand over the sockets behind the first `from`, of each listener at least `copies` (0: whatever there is). */
  | { readonly kind: 'take'; readonly copies: number; readonly from: number }
  /** All of them are listened on: leave. */
  | { readonly kind: 'serving' };

export type FromPredecessor =
  | Hello
  /** The names of the descriptors that come with it, and how many are left. */
  | { readonly kind: 'sockets'; readonly names: readonly string[]; readonly left: number }
  /** Every port is the successor's now. */
  | { readonly kind: 'given' }
  /** A sentence. It goes on serving. */
  | { readonly kind: 'refused'; readonly reason: string };

interface Hello {
  readonly kind: 'hello';
  readonly protocol: number;
  readonly pid: number;
  /** Of the program. */
  readonly version: string;
}

const MAX_LINE_BYTES = 64 * 1024;

/** Cuts what arrives into lines, and these into messages; a line that is none ends the conversation. */
export class MessageReader<Message> {
  #rest = '';

  /** `null`: what came is not understood. */
  read(text: string): Message[] | null {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    if (this.#rest.length > MAX_LINE_BYTES) return null;
    try {
      const messages = lines.map((line) => JSON.parse(line));
      return messages.every((message) => typeof message?.kind === 'string') ? messages : null;
    } catch {
      return null;
    }
  }
}

export function formatMessage(message: FromSuccessor | FromPredecessor): string {
  return `${JSON.stringify(message)}\n`;
}
