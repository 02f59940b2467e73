// What the admin server asks the agent. agent/agent.ts answers; the server knows none of the parts behind it.
import type { ControlPlaneStatus } from '../../xds/index.ts';
import type { Explanation } from '../link.ts';
import type { LogLevel } from '../observe/log.ts';
import type { StatsReader } from '../stats/stats-reader.ts';

/** What is `unknown` is shown as JSON, whatever it holds; it must hold no secret. */
export interface AdminSource {
  /** Why not, in sentences, where it is not ready; and what else to know of its state. */
  ready(): { readonly ready: boolean; readonly reasons: readonly string[]; readonly notes: readonly string[] };
  /** Node, state, version, whether the control plane is connected. */
  serverInfo(): unknown;
  /** Every resource with its version and, where it was refused, why; and what serves. */
  configDump(): unknown;
  clusters(): unknown;
  listeners(): unknown;
  readonly stats: StatsReader;
  /** What was asked of each control plane, servers of secrets included, and what has become of it. */
  controlPlanes(): readonly ControlPlaneStatus[];
  setLogLevel(level: LogLevel): void;
  /** Starts to drain; the answer does not wait for the end of it. */
  drain(): void;
  /** Ends the agent now. */
  quit(): void;
  /** What becomes of a call with these headers at this listener. */
  explain(listener: string, headers: readonly (readonly [string, string])[]): Promise<Explanation>;
}
