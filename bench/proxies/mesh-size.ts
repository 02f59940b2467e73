// How large a configuration is made for a proxy, for what it costs to have it; and which of its routes are called.

export interface MeshSize {
  /** The last one takes every call; those before it have a prefix each. */
  readonly routes: number;
  /** Calls go to the first one. */
  readonly clusters: number;
}

export const smallMesh: MeshSize = { routes: 1, clusters: 1 };

export interface SizedRoute {
  readonly prefix: string;
  /** Its number. */
  readonly cluster: number;
}

/** Routes that are called, spread over the largest table. */
const calledRoutes = 50;
const largestTable = 10_000;
const step = largestTable / calledRoutes;

export const calledPaths: readonly string[] = Array.from(
  { length: calledRoutes },
  (_, at) => `${prefixOf(at * step)}Get`,
);

/** All but the last: as many of them as there are other clusters lead to those, one each. */
export function sizedRoutes({ routes, clusters }: MeshSize): SizedRoute[] {
  return Array.from({ length: routes - 1 }, (_, at) => ({
    prefix: prefixOf(at),
    cluster: at % step === 0 ? 0 : at % clusters,
  }));
}

function prefixOf(route: number): string {
  return `/shop.v1.Service${route}/`;
}
