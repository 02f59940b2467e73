// What `outrigger status` prints.
import test from 'ava';
import { formatStatus } from '../../agent/admin/status-text.ts';
import { startClient } from '../xds/client-harness.ts';
import { badCluster, cluster, typeUrls } from '../xds/messages.ts';

test('what came of the resources of a control plane: counts, and each that is not as it should be', async (t) => {
  const { server, client, watch, watchAll, clock } = await startClient(t);
  const all = watchAll('cluster');
  watch('endpoints', 'gone');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.cluster, 'c1', [cluster('a'), cluster('b')]);
  stream.respond(typeUrls.cluster, 'c2', [badCluster('a'), cluster('b'), badCluster('new')]);
  await all.next(4);
  clock.advance(15_000);
  const at = new Date(clock.now() - 15_000).toISOString();
  const problem = `connect_timeout: must be above 0 (version c2), at ${at}`;
  const readiness = { ready: false, reasons: ['the agent is draining'], notes: ['a note'] };
  t.deepEqual(formatStatus(readiness, client.statuses()).split('\n'), [
    'not ready',
    'the agent is draining',
    'a note',
    '',
    `xDS server ${server.address}: connected`,
    '  cluster   2 NACKED, 1 ACKED',
    '  endpoints 1 DOES_NOT_EXIST',
    `  cluster "a" NACKED: ${problem}; version c1 is in use`,
    `  cluster "new" NACKED: ${problem}; nothing is in use`,
    '  endpoints "gone" DOES_NOT_EXIST; nothing is in use',
    '',
  ]);
});

test('of hundreds that are wrong the first ones are named, and the others counted', async (t) => {
  const { server, client, watchAll } = await startClient(t);
  const all = watchAll('cluster');
  const stream = await server.nextStream();
  await stream.next();
  const names = Array.from({ length: 300 }, (_, at) => `c${at}`);
  stream.respond(typeUrls.cluster, 'c1', names.map(badCluster));
  await all.next(301);
  const lines = formatStatus({ ready: true, reasons: [], notes: [] }, client.statuses()).split('\n');
  t.is(lines.length, 26);
  t.is(lines.at(-2), '  and 280 more that are not ACKED: see /config_dump');
});
