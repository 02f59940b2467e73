// The rules in a pod of our own making: a network namespace, with another one for the world outside. Skipped, saying so,
// where the machine allows none.
import test from 'ava';
import { createPod, whyNoNamespaces } from './namespaces.ts';

const reason = whyNoNamespaces();
const inNamespaces = reason === null ? test.serial : test.serial.skip;
if (reason !== null) test.serial(`redirection is not tried: ${reason}`, (t) => t.pass());

const FLAGS = [
  ...['--exclude-outbound-ports', '7001', '--exclude-outbound-cidrs', '10.98.1.0/16,10.99.0.3'],
  ...['--exclude-uids', '77'],
];

inNamespaces('applying is done once however often it is done, and cleaning up leaves what was there', (t) => {
  const { pod } = createPod(t);
  pod.exec('iptables', '-t', 'nat', '-A', 'OUTPUT', '-p', 'udp', '-j', 'ACCEPT');
  const before = [pod.rules(), pod.rules('ip6tables-save')];
  t.deepEqual(pod.outrigger('iptables', '--cleanup').out, 'there were no rules of ours\n');
  t.is(pod.outrigger('iptables', '--verify', ...FLAGS).status, 1);

  const applied = pod.outrigger('iptables', '--apply', ...FLAGS);
  t.is(applied.status, 0, applied.err);
  const first = [pod.rules(), pod.rules('ip6tables-save')];
  t.notDeepEqual(first, before);
  pod.outrigger('iptables', '--apply', ...FLAGS);
  t.deepEqual([pod.rules(), pod.rules('ip6tables-save')], first);
  t.like(pod.outrigger('iptables', '--verify', ...FLAGS), { status: 0, out: 'connections are redirected\n' });

  // Other settings take the place of those before.
  pod.outrigger('iptables', '--apply', '--exclude-uids', '78');
  t.false(pod.rules().includes('77'));
  t.is(pod.outrigger('iptables', '--verify', ...FLAGS).status, 1);

  t.is(pod.outrigger('iptables', '--cleanup').status, 0);
  // What iptables makes when it is first asked stays: the kernel's own chains, empty.
  const kept = (text: string): string => text.replaceAll(/^:(?:PREROUTING|INPUT|OUTPUT|POSTROUTING) .*\n/gm, '');
  t.deepEqual([pod.rules(), pod.rules('ip6tables-save')].map(kept), before.map(kept));
});

inNamespaces(
  'connections go to the agent both ways, but for its own, those of the pod to itself, and the excluded',
  async (t) => {
    const { pod, world } = createPod(t);
    await pod.listen(
      ...['127.0.0.1:15001=outbound', '::1:15001=outbound', ':::15006=inbound'],
      ...['10.99.0.1:15020=status', '127.0.0.1:8080=app', '10.99.0.1:8081=app'],
    );
    await world.listen(...['10.99.0.2:7000=world', '10.99.0.2:7001=world', 'fd99::2:7000=world']);
    t.is(pod.outrigger('iptables', '--apply', ...FLAGS).status, 0);

    t.is(pod.ask('10.99.0.2', 7000, 1000), 'outbound');
    t.is(pod.ask('10.1.2.3', 80, 0), 'outbound', 'wherever it is meant to go');
    t.is(pod.ask('fd99::2', 7000, 1000), 'outbound');
    t.is(pod.ask('10.99.0.2', 7000, 15_015), 'world', 'the agent’s own');
    t.is(pod.ask('fd99::2', 7000, 15_015), 'world', 'the agent’s own');
    t.is(pod.ask('10.99.0.2', 7000, 77), 'world', 'an excluded user');
    t.is(pod.ask('10.99.0.2', 7001, 1000), 'world', 'an excluded port');
    t.is(pod.ask('127.0.0.1', 8080, 1000), 'app', 'on localhost');
    t.is(pod.ask('10.99.0.1', 8081, 1000), 'app', 'to its own address');

    t.is(world.ask('10.99.0.1', 8081, 0), 'inbound');
    t.is(world.ask('fd99::1', 9, 0), 'inbound', 'whatever port it is');
    t.is(world.ask('10.99.0.1', 15_020, 0), 'status', 'an excluded port');
  },
);
