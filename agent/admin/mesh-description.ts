// What the local mesh knows of itself without asking anybody: agent/mesh tells the page.
import type { MeshConfigState } from './mesh-snapshot.ts';

export interface MeshDescription {
  readonly agents: readonly DescribedAgent[];
  readonly services: readonly DescribedService[];
  readonly config: MeshConfigState;
}

export interface DescribedAgent {
  readonly name: string;
  readonly nodeId: string;
  /** The services that it stands beside. */
  readonly services: readonly string[];
  /** What it has accepted from the control plane; empty while it has nothing. */
  readonly configVersion: string;
}

export interface DescribedService {
  readonly name: string;
  readonly instances: readonly DescribedInstance[];
}

interface DescribedInstance {
  readonly name: string;
  /** Where the program itself listens, `host:port`, as its agent names it as an endpoint. */
  readonly address: string;
  /** Empty where the service has no versions. */
  readonly version: string;
  readonly up: boolean;
  readonly pid: number | null;
}
