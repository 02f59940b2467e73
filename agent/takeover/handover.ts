// The side of the agent that serves: waits at a Unix socket for another one that takes over, hands it the listening
// sockets and, once that one listens on them, leaves. Until then it goes on accepting as well, so whatever becomes of the
// successor, no connection is without a process that accepts it.
import { closeSync, lstatSync, rmSync } from 'node:fs';
import net, { type Server, type Socket } from 'node:net';
import { descriptorOf } from '../native/descriptor-of.ts';
import { type DescriptorPassing, MAX_DESCRIPTORS } from '../native/descriptor-passing.ts';
import type { Log } from '../observe/log.ts';
import type { PassedSocket } from './inherited-sockets.ts';
import {
  type FromPredecessor,
  type FromSuccessor,
  formatMessage,
  MessageReader,
  TAKEOVER_PROTOCOL,
} from './messages.ts';

export interface HandoverOptions {
  readonly path: string;
  readonly version: string;
  readonly passing: DescriptorPassing;
  /**
   * Copies of all listening sockets, ours to close; nothing that would change them happens until one of the others.
   * Rejects with one sentence.
   */
  readonly lend: () => Promise<readonly PassedSocket[]>;
  /** The successor has come to nothing: all goes on as before. */
  readonly goOn: () => void;
  /** The successor serves. Resolves when the ports are free that could not be lent. */
  readonly leave: () => Promise<void>;
  readonly log: Log;
}

/** So long a successor may take from its sockets to serving: it binds listeners that it was sent before. */
const SERVING_MS = 30_000;
/** Between two of its messages before that. */
const HELLO_MS = 5000;

/** `greeted` may last: a successor waits for its first configuration. */
type State = 'new' | 'greeted' | 'taking' | 'leaving' | 'over';

export class Handover {
  readonly #options: HandoverOptions;
  readonly #server: Server;
  #successor: Conversation | null = null;

  constructor(options: HandoverOptions) {
    this.#options = options;
    this.#server = net.createServer((socket) => this.#accept(socket));
  }

  /** Rejects with one sentence. A socket that an agent has left behind is removed before. */
  async listen(): Promise<void> {
    const { path, log } = this.#options;
    // Nobody answers there any more, else this agent would not serve.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSocket() === false)
      throw new Error(`can't be taken over at ${path}: there is a file that is no socket`);
    if (found !== undefined) rmSync(path);
    const umask = process.umask(0o177);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.on('error', (error) => reject(new Error(`can't be taken over at ${path}: ${error.message}`)));
    // Binds at once, that is, with this mask.
    this.#server.listen(path, resolve);
    process.umask(umask);
    await promise;
    log('info', 'another agent may take over', { path });
    this.#server.on('error', (error) => log('warn', 'accept failed', { error: error.message }));
  }

  /** Removes the socket; a conversation under way is cut, and the successor on its own. */
  close(): void {
    this.#server.close();
    this.#successor?.end();
  }

  #accept(socket: Socket): void {
    const { passing, leave } = this.#options;
    const descriptor = descriptorOf(socket);
    const user = descriptor === null ? null : passing.peerUser(descriptor);
    const reason =
      user !== process.getuid?.()
        ? `it belongs to another user (${process.getuid?.()}, not ${user})`
        : this.#successor === null
          ? null
          : `${this.#successor.pid === 0 ? 'another process' : `process ${this.#successor.pid}`} is taking over already`;
    if (reason !== null) {
      socket.on('error', () => {});
      socket.end(formatMessage({ kind: 'refused', reason }));
      return;
    }
    const successor = new Conversation(socket, {
      ...this.#options,
      leave: () => {
        // Before the successor is told, since closing removes the file that it makes anew.
        this.#server.close();
        return leave();
      },
      onOver: () => {
        if (this.#successor === successor) this.#successor = null;
      },
    });
    this.#successor = successor;
  }
}

class Conversation {
  readonly #socket: Socket;
  readonly #options: HandoverOptions & { readonly onOver: () => void };
  readonly #reader = new MessageReader<FromSuccessor>();
  #state: State = 'new';
  #timer: NodeJS.Timeout;
  #sockets: readonly PassedSocket[] = [];
  /** Of the successor; 0 before it has said so. */
  pid = 0;

  constructor(socket: Socket, options: HandoverOptions & { readonly onOver: () => void }) {
    this.#socket = socket;
    this.#options = options;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#take(text));
    socket.on('error', () => {});
    socket.once('close', () => this.#closed());
    this.#timer = this.#within(HELLO_MS);
  }

  end(): void {
    this.#socket.destroy();
  }

  #within(ms: number): NodeJS.Timeout {
    clearTimeout(this.#timer);
    return setTimeout(() => this.#refuse(`it has waited for ${ms / 1000} s`), ms).unref();
  }

  #take(text: string): void {
    const messages = this.#reader.read(text);
    if (messages === null) this.#refuse('it does not understand what it was sent');
    for (const message of messages ?? []) void this.#receive(message);
  }

  async #receive(message: FromSuccessor): Promise<void> {
    if (message.kind === 'hello' && this.#state === 'new') this.#greet(message);
    else if (message.kind === 'take' && (this.#state === 'greeted' || this.#state === 'taking'))
      await this.#hand(message);
    else if (message.kind === 'serving' && this.#state === 'taking') await this.#leave();
    else if (this.#state !== 'over') this.#refuse(`it did not expect '${message.kind}'`);
  }

  #greet({ protocol, pid, version }: Extract<FromSuccessor, { kind: 'hello' }>): void {
    if (protocol !== TAKEOVER_PROTOCOL) {
      this.#refuse(`it hands over by protocol ${TAKEOVER_PROTOCOL}, not ${protocol}`);
      return;
    }
    this.#state = 'greeted';
    this.pid = pid;
    clearTimeout(this.#timer);
    this.#options.log('info', 'another agent will take over', { pid, version });
    this.#say({ kind: 'hello', protocol, pid: process.pid, version: this.#options.version });
  }

  async #hand({ copies, from }: Extract<FromSuccessor, { kind: 'take' }>): Promise<void> {
    const { lend, passing } = this.#options;
    if (this.#state === 'greeted') {
      this.#state = 'taking';
      this.#timer = this.#within(SERVING_MS);
      try {
        this.#sockets = await lend();
      } catch (error) {
        this.#refuse(error instanceof Error ? error.message : String(error));
        return;
      }
      // It has gone meanwhile.
      if (this.#socket.destroyed) this.#closeSockets();
    }
    const all = repeated(this.#sockets, copies);
    const now = all.slice(from, from + MAX_DESCRIPTORS);
    const names = now.map(({ name }) => name);
    const text = formatMessage({ kind: 'sockets', names, left: Math.max(0, all.length - from - now.length) });
    const socket = descriptorOf(this.#socket);
    const descriptors = now.map(({ descriptor }) => descriptor);
    if (socket === null || !passing.send(socket, text, descriptors)) this.#refuse('its sockets could not be sent');
  }

  async #leave(): Promise<void> {
    const { leave, log } = this.#options;
    this.#state = 'leaving';
    clearTimeout(this.#timer);
    log('info', 'another agent has taken over', { pid: this.pid, sockets: this.#sockets.length });
    await leave();
    this.#state = 'over';
    this.#socket.end(formatMessage({ kind: 'given' }));
  }

  #refuse(reason: string): void {
    this.#socket.end(formatMessage({ kind: 'refused', reason }));
    this.#abandon(reason);
    this.#options.onOver();
  }

  #say(message: FromPredecessor): void {
    this.#socket.write(formatMessage(message));
  }

  #closed(): void {
    clearTimeout(this.#timer);
    this.#abandon('it has gone');
    this.#closeSockets();
    this.#options.onOver();
  }

  #abandon(reason: string): void {
    if (this.#state === 'taking') this.#options.goOn();
    if (this.#state === 'greeted' || this.#state === 'taking') {
      this.#options.log('warn', 'another agent has not taken over; this one goes on', { pid: this.pid, reason });
    }
    if (this.#state !== 'leaving') this.#state = 'over';
  }

  #closeSockets(): void {
    for (const { descriptor } of this.#sockets) closeSync(descriptor);
    this.#sockets = [];
  }
}

/** So that there are at least so many of each name: the kernel makes a descriptor of each one that is sent. */
function repeated(sockets: readonly PassedSocket[], copies: number): readonly PassedSocket[] {
  const byName = Map.groupBy(sockets, ({ name }) => name);
  return [...byName.values()].flatMap((those) => {
    const count = Math.max(those.length, copies);
    return Array.from({ length: count }, (_, i) => those[i % those.length]!);
  });
}
