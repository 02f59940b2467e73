// The rules by which the kernel hands a pod's TCP connections to the agent, as text for iptables-restore. Nothing here
// touches the system.
import { isIPv6 } from 'node:net';

export interface RuleOptions {
  /** How inbound connections come: with another destination, or as they are, to a transparent socket. */
  readonly inbound: 'redirect' | 'tproxy';
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

type Table = 'nat' | 'mangle';

/** Everything of ours, and nothing of anyone else's. */
const chains: Readonly<Record<Table, readonly string[]>> = {
  nat: ['OUTRIGGER_INBOUND', 'OUTRIGGER_OUTPUT', 'OUTRIGGER_TO_INBOUND', 'OUTRIGGER_TO_OUTBOUND'],
  mangle: ['OUTRIGGER_TPROXY'],
};

const jumpToInbound = '-A PREROUTING -p tcp -j OUTRIGGER_INBOUND';
const jumpToOutput = '-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT';
const jumpToTproxy = '-A PREROUTING -p tcp -j OUTRIGGER_TPROXY';

const allJumps: Readonly<Record<Table, readonly string[]>> = {
  nat: [jumpToInbound, jumpToOutput],
  mangle: [jumpToTproxy],
};

/** From the chains that the kernel has to ours. */
export function jumpsFor({ inbound }: Pick<RuleOptions, 'inbound'>): readonly string[] {
  return inbound === 'redirect' ? [jumpToInbound, jumpToOutput] : [jumpToOutput, jumpToTproxy];
}

/** A multiport match takes fifteen ports, and a range is two of them. */
const MAX_PORTS_IN_A_RULE = 15;

/**
 * New connections go to a transparent socket, as they are. What follows finds its socket by itself, and so do replies to what
 * the host has asked for; neither mark nor route is needed where the destination is the host's own address.
 */
function tproxyRules(family: Family, { inboundPort, excludeInboundPorts }: RuleOptions): string[] {
  const any = family === 'IPv4' ? '0.0.0.0' : '::';
  const target = `TPROXY --on-port ${inboundPort} --on-ip ${any} --tproxy-mark 0x0/0x0`;
  return [
    '-A OUTRIGGER_TPROXY -i lo -j RETURN',
    ...portGroups(excludeInboundPorts).map(
      (ports) => `-A OUTRIGGER_TPROXY -p tcp -m multiport --dports ${ports} -j RETURN`,
    ),
    `-A OUTRIGGER_TPROXY -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ${target}`,
  ];
}

function redirectRules({ inboundPort, excludeInboundPorts }: RuleOptions): string[] {
  return [
    `-A OUTRIGGER_TO_INBOUND -p tcp -j REDIRECT --to-ports ${inboundPort}`,
    ...portGroups(excludeInboundPorts).map(
      (ports) => `-A OUTRIGGER_INBOUND -p tcp -m multiport --dports ${ports} -j RETURN`,
    ),
    '-A OUTRIGGER_INBOUND -p tcp -j OUTRIGGER_TO_INBOUND',
  ];
}

/** The rules in their order, each as `iptables-save` would print it but for counters. */
export function rulesFor(family: Family, options: RuleOptions): string[] {
  const { uid, outboundPort, excludeUids, inbound } = options;
  const networks = options.excludeOutboundCidrs.filter((cidr) => isIPv6(cidr.split('/')[0]!) === (family === 'IPv6'));
  const leave = (match: string): string => `-A OUTRIGGER_OUTPUT ${match} -j RETURN`;
  return [
    ...(inbound === 'redirect' ? redirectRules(options) : tproxyRules(family, options)),
    `-A OUTRIGGER_TO_OUTBOUND -p tcp -j REDIRECT --to-ports ${outboundPort}`,
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
 * Input for `iptables-restore --noflush` that makes these rules, whatever of ours was there before, in one step a table.
 * `present`: what `iptables-save` says of both tables.
 */
export function applyScript(family: Family, options: RuleOptions, present: string): string {
  const rules = rulesFor(family, options);
  const jumps = jumpsFor(options);
  const nat = [
    ...chains.nat.map((chain) => `:${chain} - [0:0]`),
    ...rules.filter((rule) => !isTproxy(rule)),
    ...changesOf('nat', jumps, present),
  ];
  const tproxy = rules.filter(isTproxy);
  if (tproxy.length === 0) return script('nat', nat) + (cleanupOf('mangle', present) ?? '');
  const mangle = [...chains.mangle.map((chain) => `:${chain} - [0:0]`), ...tproxy];
  return script('nat', nat) + script('mangle', [...mangle, ...changesOf('mangle', jumps, present)]);
}

function isTproxy(rule: string): boolean {
  return chains.mangle.some((chain) => rule.startsWith(`-A ${chain} `));
}

/** Jumps that are to come, and those that are to go. */
function changesOf(table: Table, wanted: readonly string[], present: string): string[] {
  return allJumps[table].flatMap((jump) => {
    const isWanted = wanted.includes(jump);
    if (isWanted === hasRule(present, jump)) return [];
    return [isWanted ? jump : jump.replace('-A', '-D')];
  });
}

/** Input for `iptables-restore --noflush` that takes everything of ours out; `null` where nothing is there. */
export function cleanupScript(present: string): string | null {
  const parts = [cleanupOf('nat', present), cleanupOf('mangle', present)].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join('');
}

function cleanupOf(table: Table, present: string): string | null {
  const there = chains[table].filter((chain) => new RegExp(`^:${chain} `, 'm').test(present));
  const jumping = changesOf(table, [], present);
  if (there.length === 0 && jumping.length === 0) return null;
  return script(table, [
    ...jumping,
    // A chain that another one jumps to cannot go.
    ...there.map((chain) => `-F ${chain}`),
    ...there.map((chain) => `-X ${chain}`),
  ]);
}

function script(table: Table, lines: readonly string[]): string {
  return [`*${table}`, ...lines, 'COMMIT', ''].join('\n');
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
