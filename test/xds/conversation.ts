// A client and its scripted server, talking in either mode by the same words.
import type { ExecutionContext } from 'ava';
import type { XdsClientOptions } from '../../xds/client.ts';
import type { AnyMessage, ResourceErrorMessage } from '../../xds/protos.ts';
import type { AdsServerDeltaStream, AdsServerStream } from '../support/ads-server.ts';
import { type ClientHarness, startClient } from './client-harness.ts';

export const modes = ['sotw', 'delta'] as const;
export type Mode = (typeof modes)[number];

export interface Response {
  /** By name. */
  readonly resources?: Readonly<Record<string, AnyMessage>>;
  /** In state of the world a resource goes by being left out; in delta it is named too. */
  readonly removed?: readonly string[];
  /** By name: a gRPC status code, and a text. */
  readonly errors?: Readonly<Record<string, readonly [code: number, message: string]>>;
}

export interface Conversation {
  readonly harness: ClientHarness;
  /** Sends a response; resolves with what the client rejects of it, and with `null` where it acknowledges it. */
  respond(typeUrl: string, response: Response): Promise<string | null>;
  /** The next request: the names that it asks for, and in delta those that it gives up, with a minus. */
  asked(): Promise<readonly string[]>;
  /** Ends the stream, and goes on with the next one, of which nothing is read yet. */
  breakStream(): Promise<void>;
}

/** Nothing is read yet. */
export async function converse(
  t: ExecutionContext,
  mode: Mode,
  options: Partial<XdsClientOptions> | ((address: string) => Partial<XdsClientOptions>) = {},
): Promise<Conversation> {
  const harness = await startClient(t, options, { speaks: [mode] }, [], mode);
  const { server } = harness;
  let version = 0;
  const next = (): Promise<AdsServerStream | AdsServerDeltaStream> =>
    mode === 'sotw' ? server.nextStream() : server.nextDeltaStream();
  let stream = await next();
  return {
    harness,
    respond: async (typeUrl, { resources = {}, removed = [], errors = {} }) => {
      const messages: ResourceErrorMessage[] = Object.entries(errors).map(([name, [code, message]]) => ({
        resource_name: { name },
        error_detail: { code, message },
      }));
      version += 1;
      if ('nextOf' in stream) stream.respond(typeUrl, `v${version}`, Object.values(resources), messages);
      else {
        const wrapped = Object.entries(resources).map(([name, resource]) => ({
          name,
          version: `v${version}`,
          resource,
        }));
        stream.respond(typeUrl, wrapped, removed, messages);
      }
      return (await stream.next()).error_detail?.message ?? null;
    },
    asked: async () => {
      const request = await stream.next();
      if ('resource_names' in request) return request.resource_names;
      const { resource_names_subscribe: added, resource_names_unsubscribe: dropped } = request;
      return [...added, ...dropped.map((name) => `-${name}`)];
    },
    breakStream: async () => {
      stream.end();
      stream = await next();
    },
  };
}
