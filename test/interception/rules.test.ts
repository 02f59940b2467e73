// The rules as text (sidecars.md section 3).
import test from 'ava';
import { applyScript, cleanupScript, type RuleOptions, rulesFor } from '../../agent/interception/rules.ts';

const options: RuleOptions = {
  inbound: 'redirect',
  uid: 15_015,
  outboundPort: 15_001,
  inboundPort: 15_006,
  excludeInboundPorts: ['15020'],
  excludeOutboundPorts: [],
  excludeOutboundCidrs: [],
  excludeUids: [],
};

const output = (rules: readonly string[]): string[] =>
  rules
    .filter((rule) => rule.startsWith('-A OUTRIGGER_OUTPUT '))
    .map((rule) => rule.slice('-A OUTRIGGER_OUTPUT '.length));

test('the agent’s own connections come first, then those inside of the pod; the rest goes to the agent', (t) => {
  t.deepEqual(output(rulesFor('IPv4', options)), [
    '-m owner --uid-owner 15015 -j RETURN',
    '-o lo -j RETURN',
    '-p tcp -j OUTRIGGER_TO_OUTBOUND',
  ]);
});

test('what is excluded goes before what is redirected', (t) => {
  const rules = rulesFor('IPv4', {
    ...options,
    excludeUids: [77],
    excludeOutboundPorts: ['5432', '9000-9010'],
    excludeOutboundCidrs: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'],
  });
  t.deepEqual(output(rules), [
    '-m owner --uid-owner 15015 -j RETURN',
    '-m owner --uid-owner 77 -j RETURN',
    '-o lo -j RETURN',
    '-p tcp -m multiport --dports 5432,9000:9010 -j RETURN',
    '-d 10.0.0.0/8 -j RETURN',
    '-d 192.0.2.1 -j RETURN',
    '-p tcp -j OUTRIGGER_TO_OUTBOUND',
  ]);
});

test('each family has its own networks', (t) => {
  const rules = rulesFor('IPv6', { ...options, excludeOutboundCidrs: ['10.0.0.0/8', 'fd00::/8'] });
  t.deepEqual(
    output(rules).filter((rule) => rule.startsWith('-d')),
    ['-d fd00::/8 -j RETURN'],
  );
});

test('a rule takes fifteen ports, of which a range is two', (t) => {
  const ports = ['1-2', '3-4', ...Array.from({ length: 12 }, (_, i) => `${100 + i}`)];
  const rules = rulesFor('IPv4', { ...options, excludeInboundPorts: ports });
  t.deepEqual(
    rules.filter((rule) => rule.includes('multiport')),
    [
      `-A OUTRIGGER_INBOUND -p tcp -m multiport --dports 1:2,3:4,${ports.slice(2, 13).join(',')} -j RETURN`,
      '-A OUTRIGGER_INBOUND -p tcp -m multiport --dports 111 -j RETURN',
    ],
  );
});

test('a jump that is there already is not made again, and all is one step', (t) => {
  const jump = '-A PREROUTING -p tcp -j OUTRIGGER_INBOUND';
  const script = applyScript('IPv4', options, `*nat\n:PREROUTING ACCEPT [0:0]\n${jump}\nCOMMIT\n`);
  t.false(script.includes(jump));
  t.true(script.includes('-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT'));
  t.regex(script, /^\*nat\n:OUTRIGGER_INBOUND - \[0:0\]\n[\s\S]*\nCOMMIT\n$/);
});

test('TPROXY takes the place of the redirection inbound, and the other way round', (t) => {
  const tproxy = { ...options, inbound: 'tproxy' } as const;
  t.deepEqual(
    rulesFor('IPv6', tproxy).filter((rule) => rule.includes('TPROXY')),
    [
      '-A OUTRIGGER_TPROXY -i lo -j RETURN',
      '-A OUTRIGGER_TPROXY -p tcp -m multiport --dports 15020 -j RETURN',
      '-A OUTRIGGER_TPROXY -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j TPROXY --on-port 15006 --on-ip :: --tproxy-mark 0x0/0x0',
    ],
  );
  const redirected = '*nat\n-A PREROUTING -p tcp -j OUTRIGGER_INBOUND\nCOMMIT\n';
  const there = applyScript('IPv4', tproxy, redirected);
  t.true(there.includes('-D PREROUTING -p tcp -j OUTRIGGER_INBOUND'));
  t.true(there.includes('*mangle\n:OUTRIGGER_TPROXY - [0:0]\n'));
  const back = applyScript(
    'IPv4',
    options,
    '*mangle\n:OUTRIGGER_TPROXY - [0:0]\n-A PREROUTING -p tcp -j OUTRIGGER_TPROXY\n',
  );
  t.true(
    back.endsWith(
      '*mangle\n-D PREROUTING -p tcp -j OUTRIGGER_TPROXY\n-F OUTRIGGER_TPROXY\n-X OUTRIGGER_TPROXY\nCOMMIT\n',
    ),
  );
});

test('cleaning up takes out what is there of ours, and nothing else', (t) => {
  t.is(cleanupScript('*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j SOMEONE\nCOMMIT\n'), null);
  const present =
    '*nat\n:OUTRIGGER_OUTPUT - [0:0]\n-A OUTPUT -p tcp -j OUTRIGGER_OUTPUT\n-A OUTPUT -j SOMEONE\nCOMMIT\n';
  t.is(
    cleanupScript(present),
    '*nat\n-D OUTPUT -p tcp -j OUTRIGGER_OUTPUT\n-F OUTRIGGER_OUTPUT\n-X OUTRIGGER_OUTPUT\nCOMMIT\n',
  );
});
