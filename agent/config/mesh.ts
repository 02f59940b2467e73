// mesh.yaml: who is in the mesh, where each part runs, and which share of the calls goes where. Written for people.
// This file says what it means; mesh-config.ts reads it, mesh-resources.ts turns it into xDS resources.
import type { SocketAddress } from '../../xds/model/address.ts';

export interface Mesh {
  readonly services: readonly MeshService[];
  readonly agents: readonly MeshAgent[];
  readonly clients: readonly MeshClient[];
}

/** What others call by its name: `:authority` (with or without a port) is the service's name. */
export interface MeshService {
  readonly name: string;
  /** Shares by version, those of 0 included; empty where the instances have no versions. */
  readonly split: readonly VersionShare[];
  /** The first that matches wins; a call that none matches follows `split`. */
  readonly routes: readonly MeshRoute[];
  readonly instances: readonly MeshInstance[];
}

export interface VersionShare {
  readonly version: string;
  /** 0 to 1,000,000; relative to the sum. */
  readonly weight: number;
}

export interface MeshRoute {
  readonly method: MethodMatch | null;
  /** All must hold. */
  readonly headers: readonly MeshHeaderMatch[];
  readonly split: readonly VersionShare[];
}

/** `value` of a path: `/package.Service/` for a whole service, `/package.Service/Method` for one method. */
export interface MethodMatch {
  readonly kind: 'exact' | 'prefix';
  readonly value: string;
}

export interface MeshHeaderMatch {
  readonly name: string;
  readonly match: { readonly kind: 'exact' | 'prefix'; readonly value: string } | { readonly kind: 'present' };
}

/** One running copy of a service. */
export interface MeshInstance {
  readonly name: string;
  /** `null`: the service has no versions. */
  readonly version: string | null;
  /** Share among the instances of its version, 1 or more. */
  readonly weight: number;
  /** Where the program itself listens. */
  readonly app: SocketAddress;
  /** The agent beside it and where that takes its calls; `null`: no agent, so callers go straight to `app`. */
  readonly behind: { readonly agent: string; readonly inbound: SocketAddress } | null;
  readonly run: MeshCommand | null;
}

/** An agent; its name is its xDS node id. */
export interface MeshAgent {
  readonly name: string;
  /** Where the apps beside it send their calls; `null`: they call nobody. */
  readonly outbound: SocketAddress | null;
  /** Where the local mesh puts its admin server; `null`: the local mesh cannot start it. */
  readonly admin: SocketAddress | null;
}

/** A program that only calls. */
export interface MeshClient {
  readonly name: string;
  readonly run: MeshCommand;
}

/** Program and arguments, without a shell; run in the folder of the file. The program `node` is the Node at hand. */
export type MeshCommand = readonly string[];
