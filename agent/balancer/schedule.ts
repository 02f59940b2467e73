// The order in which members of a set take their turns. Everything a balancer picks from (endpoints, localities,
// priorities) is a set of members 0 to n - 1, and one turn is one call.

/** Whether that member takes the turn that is offered to it. */
export type Accept = (member: number) => boolean;

export interface Schedule {
  /**
   * Offers the next turn to one member after the other, each at most once, until one accepts; answers it, or -1 when
   * none did. Who declines loses nothing but this turn, and nobody else's share changes: the others keep their order.
   */
  next(accept: Accept): number;
}
