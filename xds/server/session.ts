// One client's stream of requests and responses, in either mode: what differs between the two is a dialect.
import type { ResourceType } from '../model/resource.ts';
import { type ClientSession, reportTypes, type SessionHooks, type TypeReport, typeOf } from './client-session.ts';
import { type Pushable, pushInOrder } from './push-order.ts';
import type { Snapshot, SnapshotType } from './snapshot.ts';

/** What the client wants of one type, and what it has of it. */
export interface TypeSession<Asked, Answer> extends TypeReport, Pushable {
  /** Takes a request in; `stale` where it answers an older response. */
  request(asked: Asked): 'stale' | 'subscribed' | 'acked' | 'nacked';
  /** The response that brings the client up to `snapshot`; `null` where there is none to send (yet). */
  respond(snapshot: SnapshotType, keepRemoved: boolean): Answer | null;
}

/** How one mode of ADS is spoken. */
export interface Dialect<Request, Asked, Answer, Response> {
  /** @param isWhole everything may be asked for, and what is missing has been removed (LDS, CDS). */
  createType(isWhole: boolean): TypeSession<Asked, Answer>;
  read(request: Request): Asked;
  write(type: ResourceType, answer: Answer): Response;
}

export class Session<Request extends { readonly type_url?: string }, Asked, Answer, Response>
  implements ClientSession<Request>
{
  readonly #dialect: Dialect<Request, Asked, Answer, Response>;
  readonly #hooks: SessionHooks<Response>;
  readonly #types: Readonly<Record<ResourceType, TypeSession<Asked, Answer>>>;
  #snapshot: Snapshot | null = null;

  constructor(dialect: Dialect<Request, Asked, Answer, Response>, hooks: SessionHooks<Response>) {
    this.#dialect = dialect;
    this.#hooks = hooks;
    this.#types = {
      cluster: dialect.createType(true),
      endpoints: dialect.createType(false),
      listener: dialect.createType(true),
      route: dialect.createType(false),
      secret: dialect.createType(false),
    };
  }

  setSnapshot(snapshot: Snapshot | null): void {
    this.#snapshot = snapshot;
    this.#push();
  }

  request(request: Request): void {
    const type = typeOf(request.type_url ?? '');
    if (type === undefined) return;
    const subscription = this.#types[type];
    if (subscription.request(this.#dialect.read(request)) === 'nacked') {
      const { version, detail } = subscription;
      this.#hooks.onReject({ type, version, detail: detail ?? '' });
    }
    this.#push();
  }

  report(): Partial<Record<ResourceType, TypeReport>> {
    return reportTypes(this.#types);
  }

  #push(): void {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    pushInOrder(this.#types, (type, keepRemoved) => {
      const answer = this.#types[type].respond(snapshot[type], keepRemoved);
      if (answer !== null) this.#hooks.send(this.#dialect.write(type, answer));
    });
  }
}
