// The resources of one type as last accepted, and what was last wrong with them. Judges a response resource by
// resource (gRFC A46): a bad one keeps its last good version and spoils no other.
import { isDeepStrictEqual } from 'node:util';
import type { ReceivedResource, ReceivedUpdate } from './ads-wire.ts';
import { type DecodeOptions, type DecodeResult, decodeResource, resourceTypes } from './decode/resource-types.ts';
import { isHidden, type Resource, type ResourceType } from './model/resource.ts';
import { canonicalName } from './model/resource-name.ts';
import type { AnyMessage } from './protos.ts';
import { isSameBytes, peekName } from './resource-bytes.ts';
import { isAbsence, type ResourceError, removalError } from './resource-errors.ts';
import type { SavedResource } from './saved-config.ts';
import type { DataErrorPolicy } from './server-features.ts';

export interface CacheEntry {
  readonly accepted: AcceptedResource | null;
  /** The newest version, where it was refused; `null` once a good one has come. */
  readonly rejected: RejectedResource | null;
  /** What the server last said in its place; `null` once it has come. */
  readonly refusal: Refusal | null;
}

interface Refusal {
  readonly error: ResourceError;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

interface AcceptedResource {
  readonly resource: Resource;
  readonly version: string;
  /** `disk`: kept from an earlier life of the client, and not yet confirmed by the server. */
  readonly origin: 'server' | 'disk';
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly bytes: Uint8Array;
  readonly warnings: readonly string[];
}

interface RejectedResource {
  /** Each problem, `field path: text`. */
  readonly errors: readonly string[];
  readonly version: string;
  readonly at: number;
  readonly bytes: Uint8Array;
}

export interface AppliedUpdate {
  /** New or different from before. */
  readonly changed: readonly Resource[];
  /** Names that were there and are no more. */
  readonly removed: readonly string[];
  /** Names that were in the response, valid or not. */
  readonly seen: ReadonlySet<string>;
  /** Newly refused: a repeated refusal of the same bytes is not in it. */
  readonly rejected: readonly { readonly name: string; readonly errors: readonly string[] }[];
  /** What the server newly says in place of resources. */
  readonly refused: readonly ResourceError[];
  /** Names that were in use, and are no more for an error: each is in `rejected` or `refused` too. */
  readonly dropped: readonly string[];
  /** Newly accepted with warnings. */
  readonly warned: readonly { readonly name: string; readonly warnings: readonly string[] }[];
  /** Of what is in use and was in the response: how long it lives from now on; `null`: until it is removed. */
  readonly ttls: ReadonlyMap<string, number | null>;
  /** All that is wrong with the response, for the NACK. */
  readonly errors: readonly string[];
  readonly validCount: number;
  readonly invalidCount: number;
}

export interface CacheOptions {
  readonly type: ResourceType;
  readonly decode: DecodeOptions;
  readonly now: () => number;
}

export class ResourceCache {
  readonly #options: CacheOptions;
  readonly #entries = new Map<string, CacheEntry>();
  /** Results of `decodeAhead`. */
  readonly #ahead = new WeakMap<AnyMessage, DecodeResult>();

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  get(name: string): CacheEntry | undefined {
    return this.#entries.get(name);
  }

  entries(): IterableIterator<[string, CacheEntry]> {
    return this.#entries.entries();
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * What is in use, by name, and its version. Without what came from the disk: the server shall send that again, which
   * is how we learn that it still holds.
   */
  heldVersions(): Record<string, string> {
    const versions: Record<string, string> = Object.create(null);
    for (const [name, { accepted }] of this.#entries) {
      if (accepted?.origin === 'server') versions[name] = accepted.version;
    }
    return versions;
  }

  /** What is in use, as it was received. Without secrets that are of no use here: nobody knows what is in them. */
  held(): SavedResource[] {
    const { type } = this.#options;
    return [...this.#entries].flatMap(([name, { accepted }]) =>
      accepted === null || isHidden(accepted.resource)
        ? []
        : [{ type, name, version: accepted.version, bytes: accepted.bytes }],
    );
  }

  /** Takes a resource of an earlier life. Says what is wrong with it, where it is no longer valid. */
  restore({ name, version, bytes }: SavedResource): { readonly problem: string } | null {
    const decoded = decodeResource(this.#options.type, bytes, this.#options.decode);
    if (decoded.kind === 'invalid') return { problem: decoded.errors.join('; ') };
    const resource = renamed(decoded.resource, name);
    const { warnings } = decoded;
    const accepted = { resource, version, origin: 'disk' as const, at: this.#options.now(), bytes, warnings };
    this.#entries.set(name, { accepted, rejected: null, refusal: null });
    return null;
  }

  /** Names of what is in use from the disk, and of which the server has not said anything yet. */
  restoredNames(): string[] {
    const isOpen = ({ accepted, rejected, refusal }: CacheEntry) =>
      accepted?.origin === 'disk' && rejected === null && refusal === null;
    return [...this.#entries].filter(([, entry]) => isOpen(entry)).map(([name]) => name);
  }

  /** What is in use stays so, but the server must not think that we have its versions. */
  forgetVersions(): void {
    for (const [name, entry] of this.#entries) {
      if (entry.accepted !== null) this.#entries.set(name, { ...entry, accepted: { ...entry.accepted, version: '' } });
    }
  }

  /** Nothing refers to it any more. */
  forget(name: string): void {
    this.#entries.delete(name);
  }

  /** Does the work that a later `apply` of that very message would do. Known bytes need none. */
  decodeAhead(any: AnyMessage): void {
    const name = peekName(any.value);
    const entry = name === null ? undefined : this.#entries.get(canonicalName(name));
    const known = [entry?.accepted, entry?.rejected].some((kept) => kept && isSameBytes(kept.bytes, any.value));
    if (!known) this.#ahead.set(any, decodeResource(this.#options.type, any.value, this.#options.decode));
  }

  /** `isWanted`: what was not asked for is neither kept nor judged. `policy`: of the server whose response it is. */
  apply(update: ReceivedUpdate, isWanted: (name: string) => boolean, policy: DataErrorPolicy): AppliedUpdate {
    const decode = (any: AnyMessage): DecodeResult =>
      this.#ahead.get(any) ?? decodeResource(update.type, any.value, this.#options.decode);
    const step = new CacheStep(this.#options, this.#entries, decode, update, isWanted, policy);
    for (const [index, received] of update.resources.entries()) {
      if (received.kind === 'heartbeat') step.keepAlive(received.name, received.ttlMs);
      else if (received.kind === 'broken') step.refuseNameless(`resources[${index}]: ${received.reason}`);
      else if (received.any.type_url === resourceTypes[update.type].typeUrl) {
        step.judge(index, received);
      } else {
        const { typeUrl } = resourceTypes[update.type];
        step.refuseNameless(`resources[${index}]: ${received.any.type_url} in a response of ${typeUrl}`);
      }
    }
    for (const error of update.resourceErrors) step.refuse(error);
    step.remove();
    return step;
  }
}

type Wrapped = Extract<ReceivedResource, { kind: 'resource' }>;

/** One response on its way into the cache. */
class CacheStep implements AppliedUpdate {
  readonly #options: CacheOptions;
  readonly #entries: Map<string, CacheEntry>;
  readonly #decode: (any: AnyMessage) => DecodeResult;
  readonly #update: ReceivedUpdate;
  readonly #isWanted: (name: string) => boolean;
  readonly #policy: DataErrorPolicy;
  #hasNameless = false;
  #hasHeartbeat = false;

  readonly changed: Resource[] = [];
  readonly removed: string[] = [];
  readonly seen = new Set<string>();
  readonly rejected: { name: string; errors: readonly string[] }[] = [];
  readonly refused: ResourceError[] = [];
  readonly dropped: string[] = [];
  readonly warned: { name: string; warnings: readonly string[] }[] = [];
  readonly ttls = new Map<string, number | null>();
  readonly errors: string[] = [];
  validCount = 0;
  invalidCount = 0;

  constructor(
    options: CacheOptions,
    entries: Map<string, CacheEntry>,
    decode: (any: AnyMessage) => DecodeResult,
    update: ReceivedUpdate,
    isWanted: (name: string) => boolean,
    policy: DataErrorPolicy,
  ) {
    this.#options = options;
    this.#entries = entries;
    this.#decode = decode;
    this.#update = update;
    this.#isWanted = isWanted;
    this.#policy = policy;
  }

  judge(index: number, { name: wrappedName, isNameBinding, version, ttlMs, any }: Wrapped): void {
    const bytes = any.value;
    // What is byte for byte as before need not be decoded: in state of the world that is nearly all of each response.
    const ownName = wrappedName ?? peekName(bytes);
    const guess = ownName === null ? null : canonicalName(ownName);
    const before = guess === null ? undefined : this.#entries.get(guess);
    if (guess !== null && before?.accepted && isSameBytes(before.accepted.bytes, bytes)) {
      if (this.#isFirst(guess)) {
        const accepted = { ...before.accepted, version, origin: 'server' as const };
        this.#entries.set(guess, { accepted, rejected: null, refusal: null });
        this.ttls.set(guess, ttlMs);
        this.validCount += 1;
      }
      return;
    }
    if (guess !== null && before?.rejected && isSameBytes(before.rejected.bytes, bytes)) {
      if (this.#isFirst(guess)) this.#noteErrors(guess, before.rejected.errors);
      return;
    }
    const decoded = this.#decode(any);
    const name = canonicalName(wrappedName ?? decoded.name);
    if (name === '') {
      const problem = decoded.kind === 'invalid' ? decoded.errors.join('; ') : 'has no name';
      this.refuseNameless(`resources[${index}]: ${problem}`);
      return;
    }
    if (!this.#isWanted(name) || !this.#isFirst(name)) return;
    if (decoded.kind === 'invalid') this.#reject(name, version, bytes, decoded.errors);
    else if (isNameBinding && canonicalName(decoded.name) !== name) {
      this.#reject(name, version, bytes, [`name: is "${decoded.name}" inside`]);
    } else {
      this.ttls.set(name, ttlMs);
      this.#accept(name, version, bytes, renamed(decoded.resource, name), decoded.warnings);
    }
  }

  /** One of what is not known says nothing. */
  keepAlive(heartbeatName: string, ttlMs: number | null): void {
    const name = canonicalName(heartbeatName);
    this.#hasHeartbeat = true;
    if (this.#entries.get(name)?.accepted) this.ttls.set(name, ttlMs);
  }

  refuseNameless(problem: string): void {
    this.#hasNameless = true;
    this.invalidCount += 1;
    this.errors.push(problem);
  }

  /** Said in place of a resource; one that is not wanted says nothing. */
  refuse(error: ResourceError): void {
    const { name } = error;
    if (!this.#isWanted(name) || this.seen.has(name)) return;
    this.seen.add(name);
    this.#keepRefusal(error, isAbsence(error) && this.#policy.dropsOnError);
  }

  remove(): void {
    for (const name of this.#update.removed) {
      if (this.seen.has(name)) this.errors.push(`${this.#options.type} "${name}": is sent and removed at once`);
      else this.#removeOne(name);
    }
    // A resource without a name may be any of the missing ones, so then nothing counts as removed; nor where the response
    // is one of heartbeats, which leaves out what has no time to live.
    if (!this.#update.isComplete || this.#hasNameless || this.#hasHeartbeat) return;
    for (const name of this.#entries.keys()) if (!this.seen.has(name)) this.#removeOne(name);
  }

  #removeOne(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    if (entry.accepted !== null && this.#policy.keepsRemoved) {
      this.seen.add(name);
      this.#keepRefusal(removalError(name), false);
      return;
    }
    this.#entries.delete(name);
    if (entry.accepted !== null) this.removed.push(name);
  }

  #keepRefusal(error: ResourceError, drops: boolean): void {
    const { name } = error;
    const before = this.#entries.get(name);
    const accepted = drops ? this.#drop(name) : (before?.accepted ?? null);
    this.#entries.set(name, { accepted, rejected: null, refusal: { error, at: this.#options.now() } });
    const known = before?.refusal?.error;
    if (known?.code !== error.code || known.message !== error.message) this.refused.push(error);
  }

  /** What was in use is so no more. */
  #drop(name: string): null {
    if (this.#entries.get(name)?.accepted) this.dropped.push(name);
    return null;
  }

  /** A name that comes twice is an error of the response; the first one counts. */
  #isFirst(name: string): boolean {
    if (this.seen.has(name)) {
      this.errors.push(`${this.#options.type} "${name}": appears more than once`);
      return false;
    }
    this.seen.add(name);
    return true;
  }

  #accept(name: string, version: string, bytes: Uint8Array, resource: Resource, warnings: readonly string[]): void {
    const before = this.#entries.get(name)?.accepted ?? null;
    // The same content in other bytes (another order of a map, say) is no change.
    const isSame = before !== null && isDeepStrictEqual(before.resource, resource);
    const accepted = {
      resource: isSame ? before.resource : resource,
      version,
      origin: 'server' as const,
      at: isSame ? before.at : this.#options.now(),
      // A copy: the bytes are a part of the response, which must not be kept for the sake of one resource.
      bytes: new Uint8Array(bytes),
      warnings,
    };
    this.#entries.set(name, { accepted, rejected: null, refusal: null });
    this.validCount += 1;
    if (isSame) return;
    this.changed.push(resource);
    if (warnings.length > 0) this.warned.push({ name, warnings });
  }

  #reject(name: string, version: string, bytes: Uint8Array, errors: readonly string[]): void {
    const accepted = this.#policy.dropsOnError ? this.#drop(name) : (this.#entries.get(name)?.accepted ?? null);
    const rejected = { errors, version, at: this.#options.now(), bytes: new Uint8Array(bytes) };
    this.#entries.set(name, { accepted, rejected, refusal: null });
    this.#noteErrors(name, errors);
    this.rejected.push({ name, errors });
  }

  #noteErrors(name: string, errors: readonly string[]): void {
    this.invalidCount += 1;
    this.errors.push(`${this.#options.type} "${name}": ${errors.join('; ')}`);
  }
}

/** A name that the server wrapped a resource with goes before the resource's own (xds.md case 75). */
export function renamed(resource: Resource, name: string): Resource {
  if (resource.value.name === name) return resource;
  switch (resource.type) {
    case 'listener':
      return { type: 'listener', value: { ...resource.value, name } };
    case 'route':
      return { type: 'route', value: { ...resource.value, name } };
    case 'cluster':
      return { type: 'cluster', value: { ...resource.value, name } };
    case 'endpoints':
      return { type: 'endpoints', value: { ...resource.value, name } };
    case 'secret':
      return { type: 'secret', value: { ...resource.value, name } };
  }
}
