// The classes F of http2.md section 1.2: what a request says, rather than how often. A malformed one is reset at the
// door, and nothing of it reaches an endpoint; an odd but sound one arrives as it was sent, since nothing is decoded,
// merged or normalised on the way, and the router decides on the same bytes.
import test from 'ava';
import { type Fields, flag, H2Peer, headers, request } from '../support/h2-peer.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../support/resources.ts';
import { startAttackedEndpoint, startTargetWith, type Target } from './target.ts';

const protocolError = 1;
const without = (name: string, fields: Fields = request()): Fields => fields.filter(([other]) => other !== name);
/** Pseudo-fields first. */
const withPseudo = (name: string, value: string): Fields => [[name, value], ...without(name)];
const more = (...fields: Fields): Fields => [...request(), ...fields];

const malformed: readonly (readonly [id: string, what: string, fields: Fields])[] = [
  ['F1', 'a line break in a value', more(['x', 'a\r\nb: c'])],
  ['F1', 'a bare line feed in a value', more(['x', 'a\nb'])],
  ['F1', 'NUL in a value', more(['x', 'a\0b'])],
  ['F1', 'an upper-case name', more(['X-Upper', 'a'])],
  ['F1', 'a space in a name', more(['x y', 'a'])],
  ['F1', 'a colon in a name', more(['x:y', 'a'])],
  ['F1', 'a line break in a name', more(['x\r\ny', 'a'])],
  ['F1', 'a space at the edge of a value', more(['x', ' a'])],
  ['F2', 'connection', more(['connection', 'close'])],
  ['F2', 'transfer-encoding', more(['transfer-encoding', 'chunked'])],
  ['F2', 'keep-alive', more(['keep-alive', '1'])],
  ['F2', 'proxy-connection', more(['proxy-connection', 'close'])],
  ['F2', 'te that is not trailers', [...without('te'), ['te', 'gzip']]],
  ['F3', 'a content-length that is no number', more(['content-length', '5, 6'])],
  ['F3', 'two lengths that differ', more(['content-length', '5'], ['content-length', '6'])],
  ['F4', 'host that differs from :authority', more(['host', 'other.test'])],
  ['F4', 'two :authority', [[':authority', 'other.test'], ...request()]],
  ['F4', 'two hosts', [...without(':authority'), ['host', 'a.test'], ['host', 'b.test']]],
  ['F5', 'userinfo in :authority', withPseudo(':authority', 'user@echo.test')],
  ['F6', 'two :path', [[':path', '/other'], ...request()]],
  ['F6', 'a pseudo-field that nobody knows', [[':peer', 'x'], ...request()]],
  ['F6', 'a pseudo-field behind a regular one', [...without(':path'), [':path', '/late']]],
  ['F6', 'no :method', without(':method')],
  ['F6', ':status in a request', [[':status', '200'], ...request()]],
  ['F6', 'an empty :path', withPseudo(':path', '')],
  ['F7', ':path without its slash (CVE-2026-33186)', withPseudo(':path', 'test.Echo/Unary')],
  ['F12', 'a fragment in :path', withPseudo(':path', '/test.Echo/Unary#x')],
  ['F16', 'CONNECT', without(':path', without(':scheme', withPseudo(':method', 'CONNECT')))],
  ['F16', 'extended CONNECT (RFC 8441)', [[':protocol', 'websocket'], ...withPseudo(':method', 'CONNECT')]],
  ['F17', 'Upgrade', more(['upgrade', 'h2c'])],
  ['F17', 'HTTP2-Settings', more(['http2-settings', 'AAMAAABk'])],
];

/** Calls to `/guarded.…` have a cluster of their own, as a policy by path would have it. */
async function startGuarded(t: Parameters<typeof startTargetWith>[0]): Promise<{ target: Target; arrived: Fields[] }> {
  const arrived: Fields[] = [];
  const open = await startAttackedEndpoint((fields) => arrived.push(fields));
  const guarded = await startAttackedEndpoint((fields) => arrived.push([...fields, ['guarded', 'yes']]));
  const routes = routeConfiguration('routes', {
    '*': [route(forward('guarded'), { kind: 'prefix', value: '/guarded.' }), route(forward('open'))],
  });
  const target = await startTargetWith(
    t,
    [
      { type: 'cluster', value: cluster('open') },
      { type: 'cluster', value: cluster('guarded') },
      { type: 'endpoints', value: endpoints('open', [open.port]) },
      { type: 'endpoints', value: endpoints('guarded', [guarded.port]) },
      { type: 'route', value: routes },
      { type: 'listener', value: listener('app', 'inbound', 'routes') },
    ],
    () => Promise.all([open.stop(), guarded.stop()]),
  );
  return { target, arrived };
}

test('(F1 to F7, F12, F16, F17) what is malformed is reset, and nothing of it reaches an endpoint', async (t) => {
  const { target, arrived } = await startGuarded(t);
  const peer = await H2Peer.ready(target.port);
  t.teardown(() => peer.socket.destroy());
  let streamId = 1;
  for (const [id, what, fields] of malformed) {
    peer.send(headers(streamId, fields, flag.endStream));
    t.is((await peer.expect('RST_STREAM', streamId)).code, protocolError, `${id} ${what}`);
    streamId += 2;
  }
  t.is(await target.innocentCall(), '0');
  t.is(arrived.length, 1, 'but for the innocent call');
  t.deepEqual(target.errors(), []);
});

test('(F8) a path is matched and forwarded byte for byte: nothing in it leads elsewhere', async (t) => {
  const { target, arrived } = await startGuarded(t);
  const peer = await H2Peer.ready(target.port);
  t.teardown(() => peer.socket.destroy());
  const paths = [
    '/guarded.Admin/Delete',
    '/x/../guarded.Admin/Delete',
    '/%67uarded.Admin/Delete',
    '//guarded.Admin/Delete',
    '/guarded%2EAdmin/Delete',
    '/x%2F..%2Fguarded.Admin/Delete',
    '/x\\..\\guarded.Admin/Delete',
    '/x/..;/guarded.Admin/Delete',
    '/GUARDED.Admin/Delete',
  ];
  for (const [i, path] of paths.entries()) {
    peer.send(headers(2 * i + 1, request(path), flag.endStream));
    await peer.expect('HEADERS', 2 * i + 1);
  }
  const seen = arrived.map((fields) => {
    const values = new Map(fields);
    return [values.get(':path'), values.has('guarded')];
  });
  t.deepEqual(
    seen,
    paths.map((path) => [path, path.startsWith('/guarded.')]),
  );
});

test('(F10, F11, F13, F19) odd names and repeated fields arrive as they were sent, and stand for nothing else', async (t) => {
  const { target, arrived } = await startGuarded(t);
  const peer = await H2Peer.ready(target.port);
  t.teardown(() => peer.socket.destroy());
  const odd: Fields = [
    ['x-role', 'user'],
    ['x-role', 'admin'],
    ['x_role', 'admin'],
    ['x-envoy-original-path', '/guarded.Admin/Delete'],
    ['x-envoy-upstream-rq-timeout-ms', '1'],
    ['x-forwarded-client-cert', 'URI=spiffe://somebody'],
    ['__proto__', 'polluted'],
    ['constructor', 'polluted'],
    ['hasownproperty', 'polluted'],
  ];
  for (let i = 0; i < 3; i++) {
    peer.send(headers(2 * i + 1, more(...odd), flag.endStream));
    await peer.expect('HEADERS', 2 * i + 1);
    const fields = arrived.at(-1) ?? [];
    for (const name of new Set(odd.map(([oddName]) => oddName))) {
      const sent = odd.filter(([other]) => other === name).map(([, value]) => value);
      const got = fields.filter(([other]) => other === name).flatMap(([, value]) => value.split(', '));
      t.deepEqual(got, sent, name);
    }
    t.false(fields.some(([name]) => name === 'guarded'));
  }
  t.is(Object.getPrototypeOf({}), Object.prototype);
  t.is(Reflect.get({}, 'polluted'), undefined);
  t.deepEqual(target.errors(), []);
});

test('(F9) a value of bytes that are no ASCII is compared as it is', async (t) => {
  const { target, arrived } = await startGuarded(t);
  const peer = await H2Peer.ready(target.port);
  t.teardown(() => peer.socket.destroy());
  peer.send(headers(1, [...request('/guarded.\xff\xfe/Delete'), ['x-text', '\xff\xfe\x80']], flag.endStream));
  await peer.expect('HEADERS', 1);
  const values = new Map(arrived.at(-1));
  t.is(values.get(':path'), '/guarded.\xff\xfe/Delete');
  t.is(values.get('guarded'), 'yes');
  t.is(values.get('x-text'), '\xff\xfe\x80');
});

test('(F14) what a client sends makes no line of its own in the log', async (t) => {
  const { target } = await startGuarded(t);
  const peer = await H2Peer.ready(target.port);
  t.teardown(() => peer.socket.destroy());
  peer.send(headers(1, more(['forged\n{"level":"error"}', 'x']), flag.endStream));
  await peer.expect('RST_STREAM', 1);
  peer.send(headers(3, withPseudo(':path', '/unknown.\x80Service/{"level":"error"}'), flag.endStream));
  await peer.expect('HEADERS', 3);
  const texts = target.plane.ups.flatMap((up) => (up.kind === 'log' ? [up.message, JSON.stringify(up.fields)] : []));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  t.false(texts.some((text) => /[\u0000-\u001f]/.test(text)));
});

test('(F15) a grpc-timeout beyond eight digits is no deadline, and the longest one does not overflow', async (t) => {
  const { target, arrived } = await startGuarded(t);
  const peer = await H2Peer.ready(target.port);
  t.teardown(() => peer.socket.destroy());
  for (const [i, timeout] of ['99999999H', '999999999H', '18446744073709551616S', '-1S'].entries()) {
    peer.send(headers(2 * i + 1, more(['grpc-timeout', timeout]), flag.endStream));
    const { fields } = await peer.expect('HEADERS', 2 * i + 1);
    t.is(new Map(fields).get(':status'), '200', timeout);
  }
  t.true(arrived.length >= 1);
  t.is(await target.innocentCall(), '0');
});
