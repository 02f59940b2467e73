// What a call tells the world: plain typed events. The data plane imports no OpenTelemetry; telemetry implements these.

/** Where a failure arose, or `null` for a call that the upstream answered. */
export type FailureSource = 'downstream' | 'upstream' | 'agent';

/** Envoy's response flags, as far as a gRPC proxy meets them; `-` for none. */
export type ResponseFlag =
  | '-'
  | 'NR'
  | 'UH'
  | 'UF'
  | 'UO'
  | 'UT'
  | 'UC'
  | 'UR'
  | 'DC'
  | 'NC'
  | 'DT'
  | 'URX'
  | 'DI'
  | 'FI'
  | 'RL'
  | 'UAEX'
  | 'DPE'
  | 'UPE';

/** One try at one endpoint. Times are monotonic milliseconds (`performance.now()`), NaN until it happened. */
export interface ObservedAttempt {
  readonly endpoint: string;
  readonly startedMs: number;
  /** When the request head was handed to a connection that had room: later than `startedMs` by queueing and connect. */
  readonly sentMs: number;
  readonly firstByteMs: number;
}

/** A call as observers see it: live while it runs, final in `callEnded`. */
export interface ObservedCall {
  readonly direction: 'inbound' | 'outbound';
  /** `package.Service/Method`, no leading slash. */
  readonly method: string;
  readonly authority: string;
  /** Empty until a route named one. */
  readonly cluster: string;
  /** `host:port` of the downstream peer. */
  readonly peer: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly attempts: readonly ObservedAttempt[];
  /** 0 to 16; -1 while unknown. */
  readonly status: number;
  readonly message: string;
  readonly flag: ResponseFlag;
  readonly source: FailureSource | null;
  /** gRPC message payload bytes (5-byte prefixes excluded, A66), toward upstream and toward downstream. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly trace: CallTrace | null;
}

export interface CallObserver {
  callStarted(call: ObservedCall): void;
  /** The cluster is known; called at most once, before any attempt. */
  callRouted(call: ObservedCall): void;
  /** Exactly once for each started call, when its last byte has gone or it was reset. */
  callEnded(call: ObservedCall): void;
}

/** A sampled call's trace context. Ids are lower-case hex. */
export interface CallTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** 16 hex digits, or empty for a root. */
  readonly parentSpanId: string;
  readonly tracestate: string;
  /** What goes upstream as `traceparent`: 55 ASCII bytes naming `spanId`. */
  readonly traceparent: Uint8Array;
}

/** Decides, before any span work, whether a call is recorded. */
export interface CallTracer {
  /** `null`: it is not, and whatever context it carried passes untouched. */
  begin(head: TraceCarrier): CallTrace | null;
}

/** What a tracer sees of a call's head; a header block is one. */
export interface TraceCarrier {
  /** First value of that name as latin1 text, `null` when absent. */
  value(name: string): string | null;
  /** Copies its bytes to `into`, as far as they fit; answers how many they are, -1 when it is absent. */
  read(name: string, into: Uint8Array): number;
}

/** A sampled call, as it crosses to the control thread. Times are milliseconds since the epoch, with fractions. */
export interface CallRecord {
  readonly direction: 'inbound' | 'outbound';
  readonly method: string;
  readonly authority: string;
  readonly cluster: string;
  readonly peer: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: number;
  readonly message: string;
  readonly flag: ResponseFlag;
  readonly source: FailureSource | null;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly tracestate: string;
  readonly attempts: readonly CallRecordAttempt[];
}

export interface CallRecordAttempt {
  readonly endpoint: string;
  readonly startMs: number;
  readonly sentMs: number | null;
  readonly firstByteMs: number | null;
}
