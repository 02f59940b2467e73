// Which mode a server is spoken to in, and what becomes of it when the server refuses (xds.md section 0.1, case 60).
import test from 'ava';
import { startClient } from './client-harness.ts';
import { endpoints, typeUrls } from './messages.ts';

test('case 60: in auto a server without delta is spoken to in state of the world at once, and from then on', async (t) => {
  const { server, watch, clock, client } = await startClient(t, { mode: 'auto' });
  const a = watch('endpoints', 'a');
  const first = await server.nextStream();
  t.deepEqual((await first.next()).resource_names, ['a']);
  first.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await first.next();
  clock.advance(5000);
  first.end();
  t.like(await (await server.nextStream()).next(), { version_info: 'v1' });
  t.deepEqual(a.events, ['changed a']);
  t.is(client.statuses()[0]?.counts.get(server.address)?.failures, 0);
  t.deepEqual(clock.pending, []);
});

test('case 60: words count where the code is another one', async (t) => {
  const refusal = { code: 2, details: 'Delta ADS is Not Implemented' };
  const { server, watch } = await startClient(t, { mode: 'auto' }, { refusal });
  watch('endpoints', 'a');
  t.deepEqual((await (await server.nextStream()).next()).resource_names, ['a']);
});

test('case 60: any other end of the first delta stream is a failure, and delta is tried again', async (t) => {
  const { server, watch, clock } = await startClient(t, { mode: 'auto' }, { speaks: ['sotw', 'delta'] });
  const a = watch('endpoints', 'a');
  const first = await server.nextDeltaStream();
  await first.next();
  first.end(14, 'busy');
  t.regex((await a.next())[0] ?? '', /busy/);
  clock.advance(1000);
  t.deepEqual((await (await server.nextDeltaStream()).next()).resource_names_subscribe, ['a']);
  t.false(server.hasStream);
});

test('case 60: a server that refuses both modes is tried again after the usual wait', async (t) => {
  const { watch, clock } = await startClient(t, { mode: 'auto' }, { speaks: [] });
  const a = watch('endpoints', 'a');
  for (const wait of [1000, 1600]) {
    t.regex((await a.next())[0] ?? '', /this mode is not spoken here/);
    t.deepEqual(clock.pending, [wait]);
    clock.advance(wait);
  }
});

test('case 60: where the mode that worked is refused the other one is tried, and versions of one mode are not sent in the other', async (t) => {
  const speaks: ('sotw' | 'delta')[] = ['sotw'];
  const { server, watch, clock } = await startClient(t, { mode: 'auto' }, { speaks });
  const a = watch('endpoints', 'a');
  const old = await server.nextStream();
  await old.next();
  old.respond(typeUrls.endpoints, 'v1', [endpoints('a', 1)]);
  await old.next();
  clock.advance(5000);
  speaks[0] = 'delta';
  old.end();
  const delta = await server.nextDeltaStream();
  t.like(await delta.next(), { resource_names_subscribe: ['a'], initial_resource_versions: { a: '' } });
  delta.respond(typeUrls.endpoints, [{ name: 'a', version: 'd1', resource: endpoints('a', 1) }]);
  await delta.next();
  clock.advance(5000);
  speaks[0] = 'sotw';
  delta.end();
  t.like(await (await server.nextStream()).next(), { version_info: '', resource_names: ['a'] });
  t.deepEqual(a.events, ['changed a']);
});

for (const mode of ['delta', 'sotw'] as const) {
  test(`case 60: in mode ${mode} the other one is not tried`, async (t) => {
    const { server, watch } = await startClient(t, { mode }, { speaks: [mode === 'delta' ? 'sotw' : 'delta'] });
    const a = watch('endpoints', 'a');
    t.regex((await a.next())[0] ?? '', /this mode is not spoken here/);
    t.false(server.hasStream);
  });
}
