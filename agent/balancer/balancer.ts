// Which endpoint a call goes to. Pure: endpoints and randomness in, an index out.

/** Picks among the endpoints of one cluster; made anew whenever they change. */
export interface Balancer {
  /**
   * Index of an endpoint in the flat list the balancer was made from, or -1 when there is none to call.
   * `usable` is asked about a candidate; one that is not (its last connection failed, it was tried already) is passed
   * over while another is to be had. `hash` is what the route's hash policy made of the call, 64 bits unsigned, `null`
   * where there is none: policies that don't hash take no notice of it.
   */
  pick(usable: (endpoint: number) => boolean, hash: bigint | null): number;
}
