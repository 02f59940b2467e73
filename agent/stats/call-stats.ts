// The metrics observer of a data plane: counts each call into the worker's region. gRFC A66 names and meaning, and how
// many calls each endpoint took. A call costs a few map look-ups by strings that are at hand; names are built only when
// a row is new (labels and layout: call-layout.ts).
//
// Bounded: past `maxRows` a new method counts as `other`, past twice that a new cluster does too; past `maxEndpoints`
// a new endpoint does. A method that no route takes is `other` from the start, since any stranger can name one.
import type { CallObserver, ObservedCall } from '../observe/call-observer.ts';
import { type CallHistogram, INBOUND_HISTOGRAMS, OUTBOUND_HISTOGRAMS } from './call-layout.ts';
import { bucketOf } from './histogram-bounds.ts';
import type { StatsRegion } from './stats-region.ts';

export interface CallStatsOptions {
  /** Rows of calls, by method, cluster and status, before new methods count as `other`. Default 2,000. */
  readonly maxRows?: number;
  /** Clusters and endpoints that are counted by themselves. Default 1,000. */
  readonly maxEndpoints?: number;
}

type Direction = ObservedCall['direction'];
type FourHistograms = readonly [CallHistogram, CallHistogram, CallHistogram, CallHistogram];
type ThreeHistograms = readonly [CallHistogram, CallHistogram, CallHistogram];

/** gRFC A66: the method name of what is not known. */
const OTHER = 'other';
const STATUS_COUNT = 17;
const UNKNOWN = 2;
const UNAVAILABLE = 14;
const NO_ROW = -1;

const [attemptDuration, attemptSent, attemptReceived, callDuration] = OUTBOUND_HISTOGRAMS as FourHistograms;
const [serverDuration, serverSent, serverReceived] = INBOUND_HISTOGRAMS as ThreeHistograms;

/** The rows of one method toward one cluster (outbound), or of one method (inbound, `cluster` empty). */
class CallSeries {
  readonly direction: Direction;
  readonly method: string;
  readonly cluster: string;
  readonly started: number;
  /** Offset by status. */
  readonly rows = new Int32Array(STATUS_COUNT).fill(NO_ROW);

  constructor(direction: Direction, method: string, cluster: string, started: number) {
    this.direction = direction;
    this.method = method;
    this.cluster = cluster;
    this.started = started;
  }
}

class EndpointSeries {
  readonly ok: number;
  readonly error: number;
  readonly seconds: number;

  constructor(region: StatsRegion, cluster: string, endpoint: string) {
    this.ok = region.row('counter', 'outrigger_endpoint_calls_total', { cluster, endpoint, outcome: 'ok' });
    this.error = region.row('counter', 'outrigger_endpoint_calls_total', { cluster, endpoint, outcome: 'error' });
    this.seconds = region.row('counter', 'outrigger_endpoint_call_seconds_total', { cluster, endpoint });
  }
}

class ClusterSeries {
  readonly name: string;
  readonly active: number;
  readonly endpoints = new Map<string, EndpointSeries>();

  constructor(region: StatsRegion, cluster: string) {
    this.name = cluster;
    this.active = region.row('gauge', 'outrigger_cluster_active_calls', { cluster });
  }
}

export class CallStats implements CallObserver {
  readonly #region: StatsRegion;
  readonly #cells: Float64Array;
  readonly #maxRows: number;
  readonly #maxEndpoints: number;
  readonly #inbound = new Map<string, CallSeries>();
  readonly #outbound = new Map<string, Map<string, CallSeries>>();
  readonly #clusters = new Map<string, ClusterSeries>();
  #rows = 0;
  #endpoints = 0;

  constructor(region: StatsRegion, { maxRows = 2000, maxEndpoints = 1000 }: CallStatsOptions = {}) {
    this.#region = region;
    this.#cells = region.cells;
    this.#maxRows = maxRows;
    this.#maxEndpoints = maxEndpoints;
  }

  /** Nothing yet: whether the method is one that a route takes, or `other`, is known in `callRouted`. */
  callStarted(_call: ObservedCall): void {}

  callRouted(call: ObservedCall): void {
    this.#add(this.#series(call).started, 1);
    this.#add(this.#cluster(call.cluster).active, 1);
  }

  callEnded(call: ObservedCall): void {
    const code = call.status;
    const status = code >= 0 && code < STATUS_COUNT ? code : UNKNOWN;
    const routed = call.cluster !== '';
    const series = this.#series(call);
    const row = this.#row(series, status);
    const seconds = (call.endedMs - call.startedMs) / 1000;
    if (call.direction === 'inbound') {
      if (!routed) this.#add(series.started, 1);
      this.#record(serverDuration, row, seconds);
      this.#record(serverSent, row, call.responseBytes);
      this.#record(serverReceived, row, call.requestBytes);
    } else {
      this.#record(callDuration, row, seconds);
      if (routed) this.#recordAttempts(call, series, row);
    }
    if (routed) this.#recordEndpoints(call, status);
  }

  /**
   * A66 counts an attempt from before the pick, so a call that found no endpoint has one too. Only the last attempt has
   * the call's status and bytes; the ones before it were never processed, which is UNAVAILABLE.
   */
  #recordAttempts(call: ObservedCall, series: CallSeries, row: number): void {
    const { attempts } = call;
    const last = attempts.length - 1;
    for (let i = 0; i < last; i++) {
      const failed = this.#row(series, UNAVAILABLE);
      this.#record(attemptDuration, failed, attemptSeconds(call, i));
      this.#record(attemptSent, failed, 0);
      this.#record(attemptReceived, failed, 0);
    }
    if (last > 0) this.#add(series.started, last);
    this.#record(attemptDuration, row, last < 0 ? (call.endedMs - call.startedMs) / 1000 : attemptSeconds(call, last));
    this.#record(attemptSent, row, call.requestBytes);
    this.#record(attemptReceived, row, call.responseBytes);
  }

  #recordEndpoints(call: ObservedCall, status: number): void {
    const { attempts } = call;
    const cluster = this.#cluster(call.cluster);
    this.#add(cluster.active, -1);
    for (let i = 0; i < attempts.length; i++) {
      const endpoint = this.#endpoint(cluster, attempts[i]?.endpoint ?? '');
      this.#add(i === attempts.length - 1 && status === 0 ? endpoint.ok : endpoint.error, 1);
      this.#add(endpoint.seconds, attemptSeconds(call, i));
    }
  }

  #add(offset: number, n: number): void {
    this.#cells[offset] = (this.#cells[offset] ?? 0) + n;
  }

  #record(histogram: CallHistogram, row: number, value: number): void {
    const cells = this.#cells;
    // A clock that was not set, or stepped back, must not turn a sum into NaN for ever.
    let sound = 0;
    if (value > 0) sound = value;
    const bucket = row + histogram.start + bucketOf(histogram.bounds, sound);
    cells[bucket] = (cells[bucket] ?? 0) + 1;
    const sum = row + histogram.sum;
    cells[sum] = (cells[sum] ?? 0) + sound;
  }

  #series(call: ObservedCall): CallSeries {
    const method = call.cluster === '' ? OTHER : call.method;
    return call.direction === 'inbound' ? this.#inboundSeries(method) : this.#outboundSeries(method, call.cluster);
  }

  #inboundSeries(method: string): CallSeries {
    const known = this.#inbound.get(method);
    if (known !== undefined) return known;
    if (method !== OTHER && this.#rows >= this.#maxRows) return this.#inboundSeries(OTHER);
    const started = this.#region.row('counter', 'grpc_server_call_started_total', { grpc_method: method });
    const series = new CallSeries('inbound', method, '', started);
    this.#rows++;
    this.#inbound.set(method, series);
    return series;
  }

  #outboundSeries(method: string, cluster: string): CallSeries {
    let byCluster = this.#outbound.get(method);
    const known = byCluster?.get(cluster);
    if (known !== undefined) return known;
    if (method !== OTHER && this.#rows >= this.#maxRows) return this.#outboundSeries(OTHER, cluster);
    if (cluster !== OTHER && this.#rows >= 2 * this.#maxRows) return this.#outboundSeries(OTHER, OTHER);
    const labels = { grpc_method: method, grpc_target: cluster };
    const started = this.#region.row('counter', 'grpc_client_attempt_started_total', labels);
    const series = new CallSeries('outbound', method, cluster, started);
    this.#rows++;
    if (byCluster === undefined) {
      byCluster = new Map();
      this.#outbound.set(method, byCluster);
    }
    byCluster.set(cluster, series);
    return series;
  }

  #row(series: CallSeries, status: number): number {
    const known = series.rows[status] ?? NO_ROW;
    if (known !== NO_ROW) return known;
    const { direction, method, cluster } = series;
    if (method !== OTHER && this.#rows >= this.#maxRows) {
      const other = direction === 'inbound' ? this.#inboundSeries(OTHER) : this.#outboundSeries(OTHER, cluster);
      return this.#row(other, status);
    }
    if (direction === 'outbound' && cluster !== OTHER && this.#rows >= 2 * this.#maxRows) {
      return this.#row(this.#outboundSeries(OTHER, OTHER), status);
    }
    const offset = this.#region.row('call', '', { direction, method, cluster, status: String(status) });
    this.#rows++;
    series.rows[status] = offset;
    return offset;
  }

  #cluster(name: string): ClusterSeries {
    const known = this.#clusters.get(name);
    if (known !== undefined) return known;
    if (name !== OTHER && this.#endpoints >= this.#maxEndpoints) return this.#cluster(OTHER);
    const series = new ClusterSeries(this.#region, name);
    this.#endpoints++;
    this.#clusters.set(name, series);
    return series;
  }

  #endpoint(cluster: ClusterSeries, address: string): EndpointSeries {
    const known = cluster.endpoints.get(address);
    if (known !== undefined) return known;
    if (address !== OTHER && this.#endpoints >= this.#maxEndpoints) return this.#endpoint(cluster, OTHER);
    const endpoint = new EndpointSeries(this.#region, cluster.name, address);
    this.#endpoints++;
    cluster.endpoints.set(address, endpoint);
    return endpoint;
  }
}

/** From an attempt's start to the next one's, or to the end of the call. */
function attemptSeconds(call: ObservedCall, index: number): number {
  const next = call.attempts[index + 1];
  const endMs = next === undefined ? call.endedMs : next.startedMs;
  return (endMs - (call.attempts[index]?.startedMs ?? endMs)) / 1000;
}
