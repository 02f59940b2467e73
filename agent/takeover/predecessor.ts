// The side of the agent that is new: finds the one that serves at its Unix socket, and has it hand over.
import { closeSync } from 'node:fs';
import net, { type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { descriptorOf } from '../native/descriptor-of.ts';
import type { DescriptorPassing } from '../native/descriptor-passing.ts';
import { InheritedSockets, type PassedSocket } from './inherited-sockets.ts';
import {
  type FromPredecessor,
  type FromSuccessor,
  formatMessage,
  MessageReader,
  TAKEOVER_PROTOCOL,
} from './messages.ts';

/** What it may take to answer; it does so at once. */
const ANSWER_MS = 5000;
/** Nothing tells that descriptors have come: Node, which would see it, must not read them. */
const LOOK_MS = 5;

type Answer<Kind extends FromPredecessor['kind']> = Extract<FromPredecessor, { readonly kind: Kind }>;

export class Predecessor {
  readonly #socket: Socket;
  readonly #passing: DescriptorPassing;
  readonly #path: string;
  readonly #reader = new MessageReader<FromPredecessor>();
  #onAnswer: (answer: FromPredecessor | null) => void = () => {};
  #state: 'there' | 'gone' = 'there';
  /** It has refused, maybe while nothing was asked of it. */
  #refusal: string | null = null;
  pid = 0;
  version = '';

  private constructor(socket: Socket, path: string, passing: DescriptorPassing) {
    this.#socket = socket;
    this.#path = path;
    this.#passing = passing;
  }

  /** The agent that serves at that path, `null` where none does. Rejects with one sentence where it refuses. */
  static async find(path: string, version: string, passing: DescriptorPassing): Promise<Predecessor | null> {
    let onText = (_text: string): void => {};
    const socket = net.connect({
      path,
      onread: {
        buffer: Buffer.alloc(64 * 1024),
        callback: (length, buffer) => {
          onText(Buffer.from(buffer.buffer, buffer.byteOffset, length).toString());
          return true;
        },
      },
    });
    const { promise: connected, resolve } = Promise.withResolvers<NodeJS.ErrnoException | null>();
    socket.once('connect', () => resolve(null));
    socket.on('error', resolve);
    const error = await connected;
    if (error !== null) {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') return null;
      throw new Error(`can't take over at ${path}: ${error.message}`);
    }
    const self = new Predecessor(socket, path, passing);
    onText = (text) => self.#read(text);
    await self.#greet(version);
    return self;
  }

  /** Its listening sockets, `copies` of each at least. Empty where it has gone. */
  async take(copies: number): Promise<InheritedSockets> {
    const sockets: PassedSocket[] = [];
    try {
      for (let left = 1; left > 0 && this.#state === 'there'; ) {
        // From here on its descriptors would be lost to whoever reads without taking them.
        this.#socket.pause();
        this.#say({ kind: 'take', copies, from: sockets.length });
        left = await this.#receive(sockets);
        this.#socket.resume();
      }
    } catch (error) {
      for (const { descriptor } of sockets) closeSync(descriptor);
      throw error;
    }
    return new InheritedSockets(sockets);
  }

  /** Tells it that all its sockets are listened on; resolves when it is told in turn that all ports are ours. */
  async leave(): Promise<void> {
    await this.#ask({ kind: 'serving' }, 'given');
    this.close();
  }

  close(): void {
    this.#socket.destroy();
  }

  async #greet(version: string): Promise<void> {
    const descriptor = descriptorOf(this.#socket);
    const user = descriptor === null ? null : this.#passing.peerUser(descriptor);
    if (user !== process.getuid?.()) {
      this.close();
      throw new Error(`can't take over at ${this.#path}: it belongs to another user (${user})`);
    }
    this.#socket.once('close', () => {
      this.#state = 'gone';
      this.#onAnswer(null);
    });
    const hello = { kind: 'hello', protocol: TAKEOVER_PROTOCOL, pid: process.pid, version } as const;
    const answer = await this.#ask(hello, 'hello');
    // One that leaves at this very moment has nothing to hand over.
    this.pid = answer?.pid ?? 0;
    this.version = answer?.version ?? '';
  }

  /** `null`: it has gone. */
  async #ask<Kind extends FromPredecessor['kind']>(message: FromSuccessor, wanted: Kind): Promise<Answer<Kind> | null> {
    if (this.#refusal !== null) throw this.#failure(this.#refusal);
    if (this.#state === 'gone') return null;
    const { promise, resolve } = Promise.withResolvers<FromPredecessor | null>();
    this.#onAnswer = resolve;
    this.#say(message);
    const late = new AbortController();
    const answer = await Promise.race([promise, setTimeout(ANSWER_MS, 'late' as const, late)]);
    late.abort();
    if (this.#refusal !== null) throw this.#failure(this.#refusal);
    if (answer === null) return null;
    if (answer === 'late') throw this.#failure('it does not answer');
    if (answer.kind !== wanted) throw this.#failure(`it answered '${answer.kind}'`);
    return answer as Answer<Kind>;
  }

  /** Adds what comes next; answers how many are left. */
  async #receive(sockets: PassedSocket[]): Promise<number> {
    const endMs = performance.now() + ANSWER_MS;
    while (performance.now() < endMs) {
      const descriptor = descriptorOf(this.#socket);
      if (descriptor === null) return 0;
      const received = this.#passing.receive(descriptor);
      if (received === 'ended') return 0;
      if (received !== 'nothing') return this.#keep(received.text, received.descriptors, sockets);
      await setTimeout(LOOK_MS);
    }
    throw this.#failure('it does not hand its sockets over');
  }

  #keep(text: string, descriptors: readonly number[], sockets: PassedSocket[]): number {
    const message = this.#reader.read(text)?.[0];
    if (message?.kind === 'sockets' && message.names.length === descriptors.length) {
      for (const [i, name] of message.names.entries()) sockets.push({ name, descriptor: descriptors[i]! });
      return message.left;
    }
    for (const descriptor of descriptors) closeSync(descriptor);
    throw this.#failure(message?.kind === 'refused' ? message.reason : 'its sockets did not arrive whole');
  }

  #read(text: string): void {
    const messages = this.#reader.read(text);
    if (messages === null) this.close();
    for (const message of messages ?? []) {
      if (message.kind === 'refused') this.#refusal = message.reason;
      this.#onAnswer(message);
    }
  }

  #say(message: FromSuccessor): void {
    this.#socket.write(formatMessage(message));
  }

  #failure(reason: string): Error {
    this.close();
    return new Error(`can't take over at ${this.#path}: ${reason}`);
  }
}
