// The rules by which the kernel hands a pod's TCP connections to the agent, as text for iptables-restore. Nothing here
// touches the system.
import { isIPv6 } from 'node:net';

export interface RuleOptions {
  /** The agent's user, whose own connections are never redirected. */
  readonly uid: number;
  readonly outboundPort: number;
  readonly inboundPort: number;
  /** Ports and ranges (`9000-9010`) of the pod. */
  readonly excludeInboundPorts: readonly string[];
  /** Ports and ranges of others. */
  readonly excludeOutboundPorts: readonly string[];
  /** Addresses and networks, IPv4 and IPv6. */
  readonly excludeOutboundCidrs: readonly string[];
  readonly excludeUids: readonly number[];
}

export type Family = 'IPv4' | 'IPv6';

/** Everything of ours in the table `nat`, and nothing of anyone else's. */
const chains = ['OUTRIGGER_INBOUND', 'OUTRIGGER_OUTPUT', 'OUTRIGGER_TO_INBOUND', 'OUTRIGGER_TO_OUTBOUND'] as const;

/** From the chains that the kernel has to ours. */
export const jumps: readonly string[] = [
  '-A PREROUTING -p tcp -j OUTRIGGER_INBOUND',
  '-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT',
];

/** A multiport match takes fifteen ports, and a range is two of them. */
const MAX_PORTS_IN_A_RULE = 15;

/** The rules in their order, each as `iptables-save` would print it but for counters. */
export function rulesFor(family: Family, options: RuleOptions): string[] {
  const { uid, outboundPort, inboundPort, excludeUids } = options;
  const networks = options.excludeOutboundCidrs.filter((cidr) => isIPv6(cidr.split('/')[0]!) === (family === 'IPv6'));
  const leave = (match: string): string => `-A OUTRIGGER_OUTPUT ${match} -j RETURN`;
  return [
    `-A OUTRIGGER_TO_INBOUND -p tcp -j REDIRECT --to-ports ${inboundPort}`,
    `-A OUTRIGGER_TO_OUTBOUND -p tcp -j REDIRECT --to-ports ${outboundPort}`,
    ...portGroups(options.excludeInboundPorts).map(
      (ports) => `-A OUTRIGGER_INBOUND -p tcp -m multiport --dports ${ports} -j RETURN`,
    ),
    '-A OUTRIGGER_INBOUND -p tcp -j OUTRIGGER_TO_INBOUND',
    // Before anything else, or the agent would call itself.
    ...[uid, ...excludeUids].map((user) => leave(`-m owner --uid-owner ${user}`)),
    // What stays in the pod: the application to itself, the agent to the application.
    leave('-o lo'),
    ...portGroups(options.excludeOutboundPorts).map((ports) => leave(`-p tcp -m multiport --dports ${ports}`)),
    ...networks.map((network) => leave(`-d ${network}`)),
    '-A OUTRIGGER_OUTPUT -p tcp -j OUTRIGGER_TO_OUTBOUND',
  ];
}

/**
 * Input for `iptables-restore --noflush` that makes these rules, whatever of ours was there before, in one step.
 * `present`: what `iptables-save -t nat` says.
 */
export function applyScript(family: Family, options: RuleOptions, present: string): string {
  const missing = jumps.filter((jump) => !hasRule(present, jump));
  return script([...chains.map((chain) => `:${chain} - [0:0]`), ...rulesFor(family, options), ...missing]);
}

/** Input for `iptables-restore --noflush` that takes everything of ours out; `null` where nothing is there. */
export function cleanupScript(present: string): string | null {
  const there = chains.filter((chain) => new RegExp(`^:${chain} `, 'm').test(present));
  const jumping = jumps.filter((jump) => hasRule(present, jump));
  if (there.length === 0 && jumping.length === 0) return null;
  return script([
    ...jumping.map((jump) => jump.replace('-A', '-D')),
    // A chain that another one jumps to cannot go.
    ...there.map((chain) => `-F ${chain}`),
    ...there.map((chain) => `-X ${chain}`),
  ]);
}

function script(lines: readonly string[]): string {
  return ['*nat', ...lines, 'COMMIT', ''].join('\n');
}

export function hasRule(present: string, rule: string): boolean {
  return present.split('\n').includes(rule);
}

/** Ports of as few rules as can be, in the words of iptables. */
function portGroups(ports: readonly string[]): string[] {
  const groups: string[][] = [];
  let size = MAX_PORTS_IN_A_RULE;
  for (const port of ports) {
    const weight = port.includes('-') ? 2 : 1;
    if (size + weight > MAX_PORTS_IN_A_RULE) {
      groups.push([]);
      size = 0;
    }
    size += weight;
    groups.at(-1)!.push(port.replace('-', ':'));
  }
  return groups.map((group) => group.join(','));
}
