// How handlers of this process learn who calls: all calls reach their server over one connection in memory, which has no
// address, so each brings that of its client in a field, and the server's `getPeer()` answers with it. The field's name is
// nobody else's to know, and handlers never see it.
import { experimental, type ServerCredentials, ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import type { CallFacts } from '../director/call-facts.ts';
import type { HeadChange } from '../director/decision.ts';
import type { HeaderBlock, HeaderEdit, HeaderShapes } from '../http2/index.ts';

export class CallerPeer implements HeadChange {
  readonly #field: string;
  readonly #edit: HeaderEdit;

  /** @param secret unguessable, of letters and digits in lower case. */
  constructor(shapes: HeaderShapes, secret: string) {
    this.#field = `x-peer-${secret}`;
    this.#edit = shapes.edit({ set: [{ name: this.#field }] });
  }

  request(head: HeaderBlock, { peer }: CallFacts): HeaderBlock {
    return head.edit(this.#edit, [Buffer.from(peer, 'latin1')]);
  }

  response(head: HeaderBlock): HeaderBlock {
    return head;
  }

  /** Of the connections that such calls come on. */
  credentials(own: ServerCredentials): ServerCredentials {
    const intercept: ServerInterceptor = (_method, next) => {
      const call: CallOfPeer = new CallOfPeer(next, {
        start: (listen) =>
          listen({
            onReceiveMetadata: (metadata, pass) => {
              call.peer = asServersWrite(String(metadata.get(this.#field)[0] ?? 'unknown'));
              metadata.remove(this.#field);
              pass(metadata);
            },
          }),
      });
      return call;
    };
    return experimental.createServerCredentialsWithInterceptors(own, [intercept]);
  }
}

class CallOfPeer extends ServerInterceptingCall {
  peer = 'unknown';

  override getPeer(): string {
    return this.peer;
  }
}

/** grpc-js puts no brackets around IPv6. */
function asServersWrite(peer: string): string {
  return peer.replace(/^\[(.*)\]:/, '$1:');
}
