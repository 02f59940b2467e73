// Shedding load by order of the control plane (`ClusterLoadAssignment.Policy.drop_overloads`, gRFC A27).
import type { DropOverload } from '../../xds/model/endpoints.ts';

/**
 * Whether this call is dropped: "unconditional drop overload", as Envoy words it. Each category is drawn for by itself,
 * in order, from the calls that those before it left.
 */
export function dropsOverload(drops: readonly DropOverload[], random: () => number): boolean {
  for (let i = 0; i < drops.length; i++) {
    const drop = drops[i]!;
    if (random() * drop.denominator < drop.numerator) return true;
  }
  return false;
}
