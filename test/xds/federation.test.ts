// Names of several authorities, each asked of its own servers (gRFC A47, xRFC TP1; xds.md cases 77 and 78).
import test, { type ExecutionContext } from 'ava';
import type { Authority, Bootstrap } from '../../xds/index.ts';
import { canonicalName, listenerNameOf, parseResourceName } from '../../xds/model/resource-name.ts';
import { AdsServer } from '../support/ads-server.ts';
import { bootstrapFor, startClient } from './client-harness.ts';
import { modes } from './conversation.ts';
import { endpoints, listener, route, typeUrls } from './messages.ts';

const eds = 'envoy.config.endpoint.v3.ClusterLoadAssignment';

function authority(address: string, features: readonly string[] = []): Authority {
  return { servers: bootstrapFor(address, features).servers, clientListenerTemplate: '' };
}

/** A client of the harness's server, and of others by authority. */
async function startFederated(
  t: ExecutionContext,
  mode: (typeof modes)[number],
  authorities: (own: string) => Readonly<Record<string, Authority>>,
) {
  const bootstrap = (address: string): Bootstrap => ({ ...bootstrapFor(address), authorities: authorities(address) });
  return startClient(t, (address) => ({ bootstrap: bootstrap(address) }), { speaks: [mode] }, [], mode);
}

async function startOther(t: ExecutionContext, mode: (typeof modes)[number]): Promise<AdsServer> {
  const other = await AdsServer.start({ speaks: [mode] });
  t.teardown(() => other.stop());
  return other;
}

/** The names of the first request of the next stream, and a way to answer. */
async function askedOf(server: AdsServer, mode: (typeof modes)[number]) {
  if (mode === 'sotw') {
    const stream = await server.nextStream();
    const { resource_names: names } = await stream.next();
    return {
      names,
      respond: (...any: ReturnType<typeof endpoints>[]) => stream.respond(typeUrls.endpoints, 'v', any),
      next: () => stream.next(),
    };
  }
  const stream = await server.nextDeltaStream();
  const { resource_names_subscribe: names } = await stream.next();
  return {
    names,
    respond: (...any: ReturnType<typeof endpoints>[]) =>
      stream.respond(
        typeUrls.endpoints,
        any.map((resource) => ({ version: 'v', resource, name: '' })),
      ),
    next: () => stream.next(),
  };
}

for (const mode of modes) {
  test(`case 77 in ${mode}: a name is asked of its authority's servers, and context parameters mean the same in any order`, async (t) => {
    const other = await startOther(t, mode);
    const { server, watch, client } = await startFederated(t, mode, () => ({ other: authority(other.address) }));
    const plain = watch('endpoints', 'plain');
    const one = watch('endpoints', `xdstp://other/${eds}/a/b?zone=z&env=prod`);
    const two = watch('endpoints', `xdstp://other/${eds}/a/b?env=prod&zone=z`);
    const own = await askedOf(server, mode);
    t.deepEqual(own.names, ['plain']);
    const others = await askedOf(other, mode);
    t.deepEqual(others.names, [`xdstp://other/${eds}/a/b?env=prod&zone=z`]);
    others.respond(endpoints(`xdstp://other/${eds}/a/b?zone=z&env=prod`, 1));
    // Each is told of it by the name that it asked for.
    t.deepEqual(await one.next(), [`changed xdstp://other/${eds}/a/b?zone=z&env=prod`]);
    t.deepEqual(await two.next(), [`changed xdstp://other/${eds}/a/b?env=prod&zone=z`]);
    own.respond(endpoints('plain', 2));
    t.deepEqual(await plain.next(), ['changed plain']);
    const { endpoints: held, others: dumped } = client.dump();
    t.deepEqual(
      held.map(({ name }) => name),
      ['plain'],
    );
    t.deepEqual(
      dumped?.map((dump) => [dump.server, dump.endpoints.length]),
      [[other.address, 1]],
    );
    t.deepEqual(
      client.statuses().map(({ server: of, counts }) => counts.get(of)?.updates.endpoints.valid),
      [1, 1],
    );
    t.is(client.held().length, 2);
  });

  test(`case 77 in ${mode}: a name of an unknown authority or of another type is an error, and nobody is asked`, async (t) => {
    const { server, watch } = await startFederated(t, mode, () => ({}));
    for (const [name, problem] of [
      [`xdstp://nobody/${eds}/a`, 'the bootstrap has no authority "nobody"'],
      ['xdstp://nobody/envoy.config.cluster.v3.Cluster/a', 'the name is of a envoy.config.cluster.v3.Cluster'],
      ['xdstp:broken', 'the name "xdstp:broken" is not of the form xdstp://authority/type/id'],
    ] as const) {
      t.deepEqual(await watch('endpoints', name).next(), [
        `error unknown-authority ${name}: endpoints "${name}": ${problem}`,
      ]);
    }
    const last = watch('endpoints', 'last');
    t.deepEqual((await askedOf(server, mode)).names, ['last']);
    t.deepEqual(last.events, []);
  });

  test(`case 78 in ${mode}: authorities with equal servers share a stream; other features make other servers`, async (t) => {
    const { server, watch, client } = await startFederated(t, mode, (own) => ({
      same: authority(own),
      default: { servers: [], clientListenerTemplate: '' },
      strict: authority(own, ['fail_on_data_errors']),
    }));
    watch('endpoints', 'plain');
    for (const name of ['same', 'default', 'strict']) watch('endpoints', `xdstp://${name}/${eds}/a`);
    const streams = [await askedOf(server, mode), await askedOf(server, mode)];
    const names = streams.map((stream) => stream.names).toSorted((a, b) => b.length - a.length);
    t.deepEqual(names, [['plain', `xdstp://default/${eds}/a`, `xdstp://same/${eds}/a`], [`xdstp://strict/${eds}/a`]]);
    t.is(client.dump().others?.length, 1);
    t.false(server.hasStream);
  });
}

test('names are compared by one way of writing them', (t) => {
  t.is(canonicalName('xdstp://a/T/id?b=2&a=1'), 'xdstp://a/T/id?a=1&b=2');
  t.is(canonicalName('a?b=2&a=1'), 'a?b=2&a=1');
  t.like(parseResourceName('xdstp:///T/x/y'), { kind: 'xdstp', authority: '', messageName: 'T' });
  for (const bad of ['xdstp://a', 'xdstp://a/T', 'xdstp://a/T/x/*', 'xdstp://a/T/x?a=1&a=2', 'xdstp://a/T/x#entry=y']) {
    t.is(parseResourceName(bad).kind, 'invalid', bad);
  }
});

test('gRFC A47: the target in the name of a listener is percent-encoded where the name is an xdstp one', (t) => {
  t.is(listenerNameOf('%s', 'shop:80'), 'shop:80');
  t.is(listenerNameOf('xds/%s/%s', 'a b$&'), 'xds/a b$&/a b$&');
  t.is(
    listenerNameOf('xdstp://a/envoy.config.listener.v3.Listener/%s?k=v', '[::1]:80/ü?#%'),
    'xdstp://a/envoy.config.listener.v3.Listener/%5B::1%5D:80/%C3%BC%3F%23%25?k=v',
  );
});

test('a mesh of two authorities: a listener of one names routes of the other', async (t) => {
  const other = await startOther(t, 'sotw');
  const rds = 'xdstp://other/envoy.config.route.v3.RouteConfiguration/r?b=1&a=2';
  const { server, watch } = await startFederated(t, 'sotw', () => ({ other: authority(other.address) }));
  const l = watch('listener', 'l');
  const stream = await server.nextStream();
  await stream.next();
  stream.respond(typeUrls.listener, 'v', [listener('l', rds)]);
  await l.next();
  const r = watch('route', rds);
  const others = await other.nextStream();
  await others.next();
  others.respond(typeUrls.route, 'v', [route(canonicalName(rds), 'c')]);
  t.deepEqual(await r.next(), [`changed ${rds}`]);
  t.is(r.last?.value.name, rds);
});
