// Every attack of `npm run attack`, in the order of its table.
import type { Attack } from './attack.ts';
import { endpointFloods } from './endpoint-floods.ts';
import { clientFlood, endpointFlood } from './flood-attack.ts';
import { floods } from './floods.ts';
import { holds } from './holds.ts';
import { honestBulk, honestCalls } from './honest.ts';

export const attacks: readonly Attack[] = [
  ...[...floods.map(clientFlood), ...holds].sort(byClass),
  ...endpointFloods.map(endpointFlood),
];

/** The floods stand in that order already, but for few. */
function byClass(a: Attack, b: Attack): number {
  return rank(a) - rank(b);
}

function rank({ id }: Attack): number {
  return 100 * id.charCodeAt(0) + Number.parseInt(id.slice(1), 10);
}

/** By its id and side, as `keyOf` has it. */
export function findAttack(key: string): Attack {
  const found = [honestCalls, honestBulk, ...attacks].find((attack) => keyOf(attack) === key);
  if (found === undefined) throw new Error(`there is no attack ${key}`);
  return found;
}

export function keyOf({ id, from }: Attack): string {
  return `${id} from ${from}`;
}
