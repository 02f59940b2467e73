// What passes between the control thread and a data plane: two closed unions of plain data over a MessagePort
// (or a function call, where both live on one thread).
import type { ConfigUpdate } from '../xds/model/resource.ts';
import type { CallRecord } from './observe/call-observer.ts';
import type { LogLevel } from './observe/log.ts';
import type { StatsRow } from './stats/stats-row.ts';

/** Down: from control to data plane. */
export type Down =
  /** A slice of configuration; `version` counts up by one with each, so that `applied` can be matched. */
  | { readonly kind: 'config'; readonly version: number; readonly update: ConfigUpdate }
  | { readonly kind: 'log-level'; readonly level: LogLevel }
  /** So many records of a `calls` message have been dealt with: the way up has room for as many more. */
  | { readonly kind: 'calls-taken'; readonly count: number }
  /** Stop accepting, GOAWAY every connection, end with `drained` when the last call has ended or `graceMs` are over. */
  | { readonly kind: 'drain'; readonly graceMs: number }
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

/** Up: from a data plane to control. */
export type Up =
  | { readonly kind: 'ready' }
  | { readonly kind: 'listener-bound'; readonly name: string; readonly host: string; readonly port: number }
  | { readonly kind: 'listener-failed'; readonly name: string; readonly reason: string }
  | { readonly kind: 'listener-closed'; readonly name: string }
  | { readonly kind: 'applied'; readonly version: number }
  /** Sampled calls that ended, and how many more were dropped because the queue was full. */
  | { readonly kind: 'calls'; readonly records: readonly CallRecord[]; readonly dropped: number }
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
  | { readonly kind: 'explained'; readonly id: number; readonly explanation: Explanation };

/** Which route takes a call, and why, a sentence a line; or the listeners there are, where the one asked for is not. */
export type Explanation = { readonly lines: readonly string[] } | { readonly listeners: readonly string[] };

/** What a data plane is told once, at its start. */
export interface DataPlaneSettings {
  readonly worker: number;
  /** More than one data plane binds each port. */
  readonly reusePort: boolean;
  readonly stats: SharedArrayBuffer;
  readonly logLevel: LogLevel;
  readonly sampling: SamplingSettings;
}

/** `OTEL_TRACES_SAMPLER` and its argument, as the sampling decision needs them; `enabled: false` records nothing. */
export interface SamplingSettings {
  readonly enabled: boolean;
  /** Follow the parent's flag where there is a parent. */
  readonly parentBased: boolean;
  /** Share of roots (or, not parent-based, of all calls) that are recorded, 0 to 1. */
  readonly ratio: number;
}
