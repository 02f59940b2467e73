// What the mesh tells its page: one snapshot on GET /api/mesh, and one a second as server-sent events on /api/events
// (unnamed events, the snapshot as JSON in `data`, the first at once). Plain JSON, types only: the page in admin-ui/
// imports this file, and nothing else of the agent.
//
// Rates, error rates and percentiles are of the last few seconds; null where no call gives them a meaning.

export interface MeshSnapshot {
  /** When it was taken, in milliseconds since the epoch. */
  readonly atMs: number;
  readonly agents: readonly MeshAgent[];
  readonly services: readonly MeshService[];
  readonly edges: readonly MeshEdge[];
  readonly methods: readonly MeshMethod[];
  readonly history: MeshHistory;
  /** The last traces that are whole or nearly so, in any order; at most some fifty. */
  readonly traces: readonly MeshTrace[];
  readonly config: MeshConfigState;
}

export interface MeshAgent {
  readonly name: string;
  /** The services that it stands beside; it colours and places the agent. */
  readonly services: readonly string[];
  readonly nodeId: string;
  /** False while its admin port does not answer; what follows is then the last that was known. */
  readonly reachable: boolean;
  readonly ready: boolean;
  readonly controlPlaneConnected: boolean;
  /** The version of the configuration that it runs; empty while it has none. */
  readonly configVersion: string;
}

export interface MeshService {
  readonly name: string;
  readonly endpoints: readonly MeshEndpoint[];
}

export interface MeshEndpoint {
  /** As in mesh.yaml, `catalogue-1`. */
  readonly name: string;
  /** Where the instance itself listens, `127.0.0.1:50061`. */
  readonly address: string;
  readonly version: string;
  readonly up: boolean;
  /** The process that a user may kill to see what happens; null where the mesh did not start it. */
  readonly pid: number | null;
  /** Calls that were sent to it since the mesh began; it only grows. */
  readonly callsTotal: number;
  readonly callsPerSecond: number;
}

/** Calls from one service to another. Once known it stays, at rate 0 if need be: the picture is laid out by it. */
export interface MeshEdge {
  /** A service, or `traffic` for whatever calls from outside of the mesh. */
  readonly from: string;
  readonly to: string;
  readonly callsPerSecond: number;
  /** Part of the calls that failed, 0 to 1. */
  readonly errorRate: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** One method as its service answers it: measured where the calls enter the service. */
export interface MeshMethod {
  /** `package.Service/Method`. */
  readonly method: string;
  readonly service: string;
  readonly callsPerSecond: number;
  readonly errorsPerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** The last two minutes: a column a second, oldest first, at most 120. */
export interface MeshHistory {
  readonly atMs: readonly number[];
  /** Every list is as long as `atMs`. */
  readonly methods: readonly MeshMethodHistory[];
}

export interface MeshMethodHistory {
  readonly method: string;
  readonly callsPerSecond: readonly (number | null)[];
  readonly p50Ms: readonly (number | null)[];
  readonly p99Ms: readonly (number | null)[];
}

export interface MeshTrace {
  readonly traceId: string;
  /** Name of the span that has no parent within the trace. */
  readonly rootName: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly spans: readonly MeshSpan[];
}

export interface MeshSpan {
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'SERVER' | 'CLIENT' | 'INTERNAL' | 'PRODUCER' | 'CONSUMER';
  /** `service.name` of the resource: an agent or a service. */
  readonly service: string;
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly status: 'UNSET' | 'OK' | 'ERROR';
  readonly statusMessage: string;
  readonly attributes: MeshAttributes;
  readonly events: readonly MeshSpanEvent[];
}

interface MeshSpanEvent {
  readonly name: string;
  readonly atMs: number;
  readonly attributes: MeshAttributes;
}

type MeshAttributes = Readonly<Record<string, string | number | boolean>>;

export interface MeshConfigState {
  /** As the user knows it, `mesh.yaml`. */
  readonly file: string;
  /** Changes with every good save. */
  readonly version: string;
  readonly changedAtMs: number;
  /** Services whose calls are shared out by version; weights are relative to their sum. */
  readonly splits: readonly MeshSplit[];
  /** Why the last save was refused; empty while the file is good. */
  readonly problems: readonly MeshConfigProblem[];
}

interface MeshSplit {
  readonly service: string;
  readonly shares: readonly { readonly version: string; readonly weight: number }[];
}

interface MeshConfigProblem {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}
