// What differs between the two ways to speak ADS, state of the world and delta: the seam below ads-stream.ts.
import type { ResourceType } from './model/resource.ts';
import type { AnyMessage } from './protos.ts';
import type { ResourceError } from './resource-errors.ts';
import type { StreamStatus } from './transport.ts';

/** What is wanted of one resource type. */
export interface Wanted {
  /** Sorted, without repeats. */
  readonly names: readonly string[];
  /** All there is, beside the names. */
  readonly wildcard: boolean;
}

/** One response, in a form that both ways share. */
export interface ReceivedUpdate {
  readonly type: ResourceType;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly ReceivedResource[];
  /** Names that the server says are gone (delta). */
  readonly removed: readonly string[];
  /** Resources that the server has errors for instead. */
  readonly resourceErrors: readonly ResourceError[];
  /** The response holds everything that there is of its type: what is missing was removed. */
  readonly isComplete: boolean;
}

export type ReceivedResource =
  | {
      readonly kind: 'resource';
      /** The one that the resource was wrapped with; goes before its own. `null`: its own counts. */
      readonly name: string | null;
      /** A resource whose own name is another one is refused (delta). */
      readonly isNameBinding: boolean;
      /** May be empty: Istio gives none in delta. */
      readonly version: string;
      /** How long it lives without being sent again; `null`: until it is removed. */
      readonly ttlMs: number | null;
      readonly any: AnyMessage;
    }
  /** A resource that was sent before lives on, for `ttlMs` more. */
  | { readonly kind: 'heartbeat'; readonly name: string; readonly ttlMs: number | null }
  /** The wrapping could not be opened. */
  | { readonly kind: 'broken'; readonly reason: string };

export interface AdsWireEvents {
  /** The connection is up, and each subscription has been sent. */
  onOpen(): void;
  /** Must be answered by `acknowledge` or `reject`, now or later; not any more once a newer one of its type has come. */
  onUpdate(update: ReceivedUpdate): void;
  onEnd(status: StreamStatus): void;
}

/** One stream. Lives as long as the stream does; versions outlive it. */
export interface AdsWire {
  /** Asks for what is wanted, if that differs from what was asked for. Returns whether anything was sent. */
  subscribe(type: ResourceType, wanted: Wanted): boolean;
  acknowledge(update: ReceivedUpdate): void;
  /** `detail` names each problem. `isPartlyValid`: some resource of the response is in use. */
  reject(update: ReceivedUpdate, detail: string, isPartlyValid: boolean): void;
  close(): void;
}
