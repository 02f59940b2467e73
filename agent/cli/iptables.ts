// `outrigger iptables`: the rules that hand a pod's connections to the agent.
import { isNetwork, isPortRange } from '../inject/settings.ts';
import { type RuleOptions, rulesFor } from '../interception/rules.ts';
import { type Command, type FlagValues, UsageError } from './command-line.ts';

const PORTS = { min: 1, max: 65_535 };
const BACKENDS = ['auto', 'nft', 'plain', 'legacy'] as const;
const MODES = ['redirect', 'tproxy'] as const;
const ACTIONS = ['print', 'apply', 'cleanup', 'verify'] as const;

export const iptablesCommand: Command = {
  name: 'iptables',
  summary: 'redirect the TCP connections of this network namespace to the agent',
  details: [
    'Exactly one of --print, --apply, --cleanup and --verify. Applying twice is applying once; cleaning up leaves what was',
    'there before. Applying needs NET_ADMIN and NET_RAW; connections inside of the namespace (lo) are never redirected.',
  ],
  flags: [
    { name: 'print', help: 'print the rules, and do nothing' },
    { name: 'apply', help: 'make the rules' },
    { name: 'cleanup', help: 'take them out' },
    { name: 'verify', help: 'look whether they are there, and try a connection; exit code 1 where not' },
    {
      name: 'mode',
      value: 'WAY',
      help: 'redirect, or tproxy: inbound connections as they are, to a transparent socket (--inherit-fd) (redirect)',
    },
    { name: 'uid', value: 'UID', help: "the agent's user, whose connections are its own (15015)" },
    { name: 'outbound-port', value: 'N', help: "where the application's calls go (15001)" },
    { name: 'inbound-port', value: 'N', help: 'where calls to the application go (15006)' },
    { name: 'exclude-inbound-ports', value: 'PORTS', help: 'ports and ranges of this pod, between commas (15020)' },
    { name: 'exclude-outbound-ports', value: 'PORTS', help: 'ports and ranges of others, between commas' },
    { name: 'exclude-outbound-cidrs', value: 'CIDRS', help: 'networks, between commas' },
    { name: 'exclude-uids', value: 'UIDS', help: 'further users whose connections are their own, between commas' },
    { name: 'backend', value: 'KIND', help: 'nft, legacy, plain (iptables without a suffix) or auto (auto)' },
  ],
  run: async (flags) => {
    const given = ACTIONS.filter((action) => flags.has(action));
    const [action] = given;
    if (action === undefined || given.length > 1) {
      throw new UsageError(`iptables wants one of ${ACTIONS.map((name) => `--${name}`).join(', ')}`);
    }
    const options = ruleOptions(flags);
    const backend = flags.oneOf('backend', BACKENDS, 'auto');
    const { applyRedirection, missingRules, removeRedirection } = await import('../interception/redirection.ts');
    switch (action) {
      case 'print':
        for (const family of ['IPv4', 'IPv6'] as const) {
          process.stdout.write(`# ${family}\n${rulesFor(family, options).join('\n')}\n`);
        }
        return 0;
      case 'apply':
      case 'cleanup': {
        const { done, warnings } = action === 'apply' ? applyRedirection(options, backend) : removeRedirection(backend);
        process.stdout.write(done.map((line) => `${line}\n`).join(''));
        process.stderr.write(warnings.map((line) => `outrigger: ${line}\n`).join(''));
        return 0;
      }
      case 'verify': {
        const { probeRedirection } = await import('../interception/probe-connection.ts');
        const missing = missingRules(options, backend);
        const { failures, notes } =
          missing.length > 0 ? { failures: missing, notes: [] } : await probeRedirection(options.outboundPort);
        for (const line of [...failures, ...notes]) process.stdout.write(`${line}\n`);
        if (failures.length === 0) process.stdout.write('connections are redirected\n');
        return failures.length === 0 ? 0 : 1;
      }
    }
  },
};

/** Throws a `UsageError` that names the flag. */
function ruleOptions(flags: FlagValues): RuleOptions {
  const list = (name: string, what: string, isFine: (item: string) => boolean, fallback: string): string[] => {
    const items = (flags.text(name) ?? fallback).split(',').map((item) => item.trim());
    const given = items.filter((item) => item !== '');
    const wrong = given.find((item) => !isFine(item));
    if (wrong !== undefined) throw new UsageError(`--${name} takes ${what} between commas, not '${wrong}'`);
    return given;
  };
  const uid = (text: string): boolean => /^\d{1,10}$/.test(text);
  return {
    inbound: flags.oneOf('mode', MODES, 'redirect'),
    uid: flags.number('uid', { min: 0, max: 4_294_967_294, fallback: 15_015 }),
    outboundPort: flags.number('outbound-port', { ...PORTS, fallback: 15_001 }),
    inboundPort: flags.number('inbound-port', { ...PORTS, fallback: 15_006 }),
    excludeInboundPorts: list('exclude-inbound-ports', 'ports and ranges (9000-9010)', isPortRange, '15020'),
    excludeOutboundPorts: list('exclude-outbound-ports', 'ports and ranges (9000-9010)', isPortRange, ''),
    excludeOutboundCidrs: list('exclude-outbound-cidrs', 'networks (10.0.0.0/8)', isNetwork, ''),
    excludeUids: list('exclude-uids', 'user ids', uid, '').map(Number),
  };
}
