// What passes between the control thread and a data plane: two closed unions of plain data over a MessagePort
// (or a function call, where both live on one thread).

import type { ConfigUpdate, ServingResource } from '../xds/model/resource.ts';
import type { RouteConfiguration, VirtualHost } from '../xds/model/route.ts';
import type { DrainPlan } from './drain.ts';
import type { CallBatch } from './observe/call-batch.ts';
import type { LogLevel } from './observe/log.ts';
import type { CountsRow } from './stats/shared-counts.ts';
import type { StatsRow } from './stats/stats-row.ts';

/** Down: from control to data plane. */
export type Down =
  /** A slice of configuration; answered by `applied` with its version. */
  | { readonly kind: 'config'; readonly version: number; readonly update: LinkUpdate }
  | { readonly kind: 'log-level'; readonly level: LogLevel }
  /** So many calls of a `calls` message have been dealt with: the way up has room for as many more. */
  | { readonly kind: 'calls-taken'; readonly count: number }
  /** Stop accepting, GOAWAY every connection, as the plan has it; end with `drained` when the last call has ended. */
  | { readonly kind: 'drain'; readonly plan: DrainPlan }
  /** A listener's next version has these sockets, which listen on its address already; they are this data plane's own. */
  | { readonly kind: 'inherit'; readonly listener: string; readonly descriptors: readonly number[] }
  /** Answer with `lent`. */
  | { readonly kind: 'lend' }
  /** Calls that name this listener cannot be carried now; why, in one sentence. */
  | { readonly kind: 'listener-refused'; readonly name: string; readonly reason: string }
  /** Close everything now. */
  | { readonly kind: 'stop' }
  /** Answer with `explained`. */
  | {
      readonly kind: 'explain';
      readonly id: number;
      readonly listener: string;
      readonly headers: readonly (readonly [string, string])[];
    };

/** A `ConfigUpdate`, or a part of one in the form in which it costs a data plane least. */
export interface LinkUpdate {
  readonly upsert: readonly LinkResource[];
  readonly remove: ConfigUpdate['remove'];
}

export type LinkResource =
  | ServingResource
  /** Opened when a call needs it: one that nobody calls costs its text. */
  | {
      readonly type: 'packed-cluster';
      readonly name: string;
      readonly json: Packed;
      /** Of its counts in the rows that all data planes share; -1: it has none. */
      readonly place: number;
    }
  | { readonly type: 'packed-endpoints'; readonly name: string; readonly json: Packed }
  /** A large route configuration, first without its virtual hosts; these follow, and with its end it counts. */
  | { readonly type: 'route-begin'; readonly value: RouteConfiguration }
  | { readonly type: 'route-part'; readonly name: string; readonly parts: readonly VirtualHostPart[] }
  | { readonly type: 'route-end'; readonly name: string };

/** Some of the routes of a virtual host, behind those of its parts before. The first part says all but the routes. */
export interface VirtualHostPart {
  /** Place of the virtual host in its configuration. */
  readonly at: number;
  readonly virtualHost: VirtualHost;
}

/** Plain data as JSON: for a garbage collector one thing without references, and far less than the objects in it. */
export type Packed = string;

export function pack(value: object): Packed {
  return JSON.stringify(value);
}

/** What was packed; where something was not, that itself. */
export function unpack<T extends object>(value: T | Packed): T {
  return typeof value === 'string' ? JSON.parse(value) : value;
}

/** Up: from a data plane to control. */
export type Up =
  | { readonly kind: 'ready' }
  | { readonly kind: 'listener-bound'; readonly name: string; readonly host: string; readonly port: number }
  | { readonly kind: 'listener-failed'; readonly name: string; readonly reason: string }
  | { readonly kind: 'listener-closed'; readonly name: string }
  | { readonly kind: 'applied'; readonly version: number }
  /** Sampled calls that ended, and how many more were dropped because the queue was full. */
  | { readonly kind: 'calls'; readonly batch: CallBatch; readonly dropped: number }
  /** A new row of the statistics block: what its numbers mean. */
  | { readonly kind: 'stats-row'; readonly row: StatsRow }
  | {
      readonly kind: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  /** A call has named this listener: it is to be followed, or a `listener-refused` to say why not. Bounded: `maxNames`. */
  | { readonly kind: 'listener-wanted'; readonly name: string }
  /** No call has named it for a while. */
  | { readonly kind: 'listener-unwanted'; readonly name: string }
  | { readonly kind: 'drained'; readonly callsCut: number }
  /** Copies of the descriptors of all listening sockets, which are the receiver's to close. */
  | { readonly kind: 'lent'; readonly sockets: readonly LentSocket[] }
  | { readonly kind: 'explained'; readonly id: number; readonly explanation: Explanation };

export interface LentSocket {
  readonly listener: string;
  readonly descriptor: number;
}

/** Which route takes a call, and why, a sentence a line; or the listeners there are, where the one asked for is not. */
export type Explanation = { readonly lines: readonly string[] } | { readonly listeners: readonly string[] };

/** What a data plane is told once, at its start. */
export interface DataPlaneSettings {
  readonly worker: number;
  /** More than one data plane binds each port. */
  readonly reusePort: boolean;
  readonly stats: SharedArrayBuffer;
  /** What all data planes of the agent count together; absent: there is no other. */
  readonly counts?: CountsRow;
  readonly logLevel: LogLevel;
  readonly sampling: SamplingSettings;
  /** The kernel redirects connections to the listeners; absent: it does not. */
  readonly redirection?: RedirectionSettings;
}

export interface RedirectionSettings {
  /** Of the agent itself, beside its listeners': nobody is passed on to them. */
  readonly ownPorts: readonly number[];
  /** Ports and ranges (`9000-9010`) whose connections are passed on without a look at their bytes. */
  readonly opaquePorts: readonly string[];
}

/** `OTEL_TRACES_SAMPLER` and its argument, as the sampling decision needs them; `enabled: false` records nothing. */
export interface SamplingSettings {
  readonly enabled: boolean;
  /** Follow the parent's flag where there is a parent. */
  readonly parentBased: boolean;
  /** Share of roots (or, not parent-based, of all calls) that are recorded, 0 to 1. */
  readonly ratio: number;
}
