// What users of XdsClient give it, and what they are called with. Callbacks come one after another, never inside the
// call that registered them.
import type { XdsError } from './errors.ts';
import type { Resource } from './model/resource.ts';

/** Follows one resource by name. */
export interface ResourceWatcher {
  /** The resource, now and whenever it differs. */
  onChanged(resource: Resource): void;
  /** There is none: the server removed it, or did not send it within 15 s. It may still come. */
  onAbsent(): void;
  /**
   * Something is wrong. With `hasResource` the last good one stays in use, and this is news only (gRFC A88 calls it
   * an ambient error).
   */
  onError(error: XdsError, hasResource: boolean): void;
}

/** Follows all resources of a type (LDS, CDS). */
export interface WildcardWatcher {
  /** Called for each response, also for one without a change; the first call says that the server has answered. */
  onUpdate(update: { readonly changed: readonly Resource[]; readonly removed: readonly string[] }): void;
  /** The server did not answer within 15 s; Consul never answers where there is nothing. It may still come. */
  onSilence(): void;
  onError(name: string, error: XdsError, hasResource: boolean): void;
}
