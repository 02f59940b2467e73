// Envoy and the agent, given the same clusters by one control plane, reach each endpoint in the same way: in the clear or
// by which TLS, with which name asked for, which certificate shown, and which certificate taken.
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import type { CallName, Cluster, SocketMatch } from '../../xds/model/cluster.ts';
import type { Endpoint } from '../../xds/model/endpoints.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { forwardTo, type Route } from '../../xds/model/route.ts';
import type { SubjectAltName, UpstreamTls } from '../../xds/model/tls.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { envoyMissing, startEnvoy } from '../support/envoy-process.ts';
import { call } from '../support/http2-call.ts';
import { cluster, endpoints, listener, route, routeConfiguration } from '../support/resources.ts';

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

const mutual: UpstreamTls = {
  certificateChainPem: pem('client'),
  privateKeyPem: pem('client-key'),
  trustedCaPem: pem('ca'),
  sni: 'outbound_.80_._.echo',
  subjectAltNames: [name('uri', 'prefix', 'spiffe://mesh.test/')],
};
const anonymous: UpstreamTls = { ...mutual, certificateChainPem: null, privateKeyPem: null };

function name(kind: 'dns' | 'uri', match: 'exact' | 'prefix' | 'suffix', value: string): SubjectAltName {
  return { kind, match: { kind: match, value, ignoreCase: false } };
}

function match(matchName: string, labels: SocketMatch['labels'], tls: UpstreamTls | null): SocketMatch {
  return { name: matchName, labels, socket: tls === null ? { kind: 'clear' } : { kind: 'tls', tls } };
}

const istio = { tlsMode: '"istio"' };
/** As Istio sends them for auto mTLS. */
const auto = [match('tlsMode-istio', istio, mutual), match('tlsMode-disabled', {}, null)];

/** `auto_sni`. */
const byAuthority: CallName = { header: null, isSni: true, isChecked: false };

interface Case {
  readonly what: string;
  readonly to: 'tls' | 'clear';
  readonly cluster: Partial<Cluster>;
  readonly endpoint?: Partial<Endpoint>;
  /** Of the call; `echo` where there is none. */
  readonly authority?: string;
  /** What its route makes of that. */
  readonly rewritten?: string;
  /** `null`: the call is UNAVAILABLE. */
  readonly answer: string | null;
}

const asMutual = 'sni outbound_.80_._.echo, client URI:spiffe://mesh.test/shop';

const cases: readonly Case[] = [
  {
    what: 'a label that matches',
    to: 'tls',
    cluster: { socketMatches: auto },
    endpoint: { socketLabels: istio },
    answer: asMutual,
  },
  { what: 'no label, and a match for all', to: 'clear', cluster: { socketMatches: auto }, answer: 'clear' },
  {
    what: 'a label of another value, and a match for all',
    to: 'clear',
    cluster: { socketMatches: auto },
    endpoint: { socketLabels: { tlsMode: '"off"', other: 'true' } },
    answer: 'clear',
  },
  {
    what: 'no match, so the socket of the cluster',
    to: 'tls',
    cluster: { socketMatches: [match('two', { ...istio, v: '2' }, null)], tls: anonymous },
    endpoint: { socketLabels: { ...istio, v: '"2"' } },
    answer: 'sni outbound_.80_._.echo, client none',
  },
  {
    what: 'more labels than the match asks for',
    to: 'clear',
    cluster: { socketMatches: [match('two', { ...istio, v: '2' }, null)], tls: mutual },
    endpoint: { socketLabels: { ...istio, v: '2', zone: '"a"' } },
    answer: 'clear',
  },
  {
    what: 'of two that match the first',
    to: 'tls',
    cluster: { socketMatches: [match('one', istio, anonymous), match('two', istio, mutual)] },
    endpoint: { socketLabels: istio },
    answer: 'sni outbound_.80_._.echo, client none',
  },
  {
    what: 'a host name in place of sni',
    to: 'tls',
    cluster: { tls: { ...mutual, hostnameIsSni: true } },
    endpoint: { hostname: 'one.test' },
    answer: 'sni one.test, client URI:spiffe://mesh.test/shop',
  },
  { what: 'no host name', to: 'tls', cluster: { tls: { ...mutual, hostnameIsSni: true } }, answer: asMutual },
  {
    what: 'a host name that the certificate has',
    to: 'tls',
    cluster: { tls: { ...mutual, hostnameIsSni: true, nameCheck: 'sni', subjectAltNames: [] } },
    endpoint: { hostname: 'echo.test' },
    answer: 'sni echo.test, client URI:spiffe://mesh.test/shop',
  },
  {
    what: 'a host name that it has not',
    to: 'tls',
    cluster: { tls: { ...mutual, hostnameIsSni: true, nameCheck: 'sni', subjectAltNames: [] } },
    endpoint: { hostname: 'other.test' },
    answer: null,
  },
  {
    what: 'protocols beside h2',
    to: 'tls',
    cluster: { tls: { ...anonymous, sni: 'offered', alpn: ['istio-h2', 'istio'] } },
    answer: 'sni offered, client none, offered istio-h2 istio h2',
  },
  {
    what: 'roots and no names',
    to: 'tls',
    cluster: { tls: { ...mutual, subjectAltNames: [], nameCheck: 'chain' } },
    answer: asMutual,
  },
  {
    what: 'a name of another kind',
    to: 'tls',
    cluster: { tls: { ...mutual, subjectAltNames: [name('dns', 'prefix', 'spiffe')] } },
    answer: null,
  },
  {
    what: 'another name',
    to: 'tls',
    cluster: { tls: { ...mutual, subjectAltNames: [name('uri', 'suffix', '/shop')] } },
    answer: null,
  },
  {
    what: 'a label of the locality',
    to: 'tls',
    cluster: { socketMatches: auto.slice(0, 1) },
    endpoint: { localityLabels: istio },
    answer: asMutual,
  },
  {
    what: 'a label of the locality, behind a match for all',
    to: 'clear',
    cluster: { socketMatches: auto },
    endpoint: { localityLabels: istio },
    answer: 'clear',
  },
  {
    what: 'a label of the endpoint before the one of its locality',
    to: 'tls',
    cluster: { socketMatches: [match('one', istio, anonymous), match('off', { tlsMode: '"off"' }, mutual)] },
    endpoint: { socketLabels: { tlsMode: '"off"' }, localityLabels: istio },
    answer: asMutual,
  },
  {
    what: 'the authority in place of sni',
    to: 'tls',
    cluster: { tls: mutual, callName: byAuthority },
    authority: 'one.test:80',
    answer: 'sni one.test, client URI:spiffe://mesh.test/shop',
  },
  {
    what: 'the authority that is sent',
    to: 'tls',
    cluster: { tls: mutual, callName: byAuthority },
    rewritten: 'two.test',
    answer: 'sni two.test, client URI:spiffe://mesh.test/shop',
  },
  {
    what: 'an authority that is an address',
    to: 'tls',
    cluster: { tls: mutual, callName: byAuthority },
    authority: '10.0.0.1:80',
    answer: asMutual,
  },
  {
    what: 'the authority before a host name',
    to: 'tls',
    cluster: { tls: { ...mutual, hostnameIsSni: true }, callName: byAuthority },
    endpoint: { hostname: 'one.test' },
    answer: 'sni echo, client URI:spiffe://mesh.test/shop',
  },
  {
    what: 'a header in place of the authority',
    to: 'tls',
    cluster: { tls: mutual, callName: { ...byAuthority, header: 'te' } },
    answer: 'sni trailers, client URI:spiffe://mesh.test/shop',
  },
  {
    what: 'a header that is not there',
    to: 'tls',
    cluster: { tls: mutual, callName: { ...byAuthority, header: 'x-none' } },
    answer: 'sni echo, client URI:spiffe://mesh.test/shop',
  },
  {
    what: 'an authority that the certificate has',
    to: 'tls',
    cluster: { tls: mutual, callName: { ...byAuthority, isChecked: true } },
    authority: 'echo.test',
    answer: 'sni echo.test, client URI:spiffe://mesh.test/shop',
  },
  {
    what: 'an authority that it has not',
    to: 'tls',
    cluster: { tls: mutual, callName: { ...byAuthority, isChecked: true } },
    authority: 'other.test',
    answer: null,
  },
  {
    what: 'an authority that it has, and a name that it has not',
    to: 'tls',
    cluster: {
      tls: { ...mutual, subjectAltNames: [name('uri', 'suffix', '/shop')] },
      callName: { ...byAuthority, isChecked: true },
    },
    authority: 'echo.test',
    answer: null,
  },
  { what: 'other roots', to: 'tls', cluster: { tls: { ...mutual, trustedCaPem: pem('nameless') } }, answer: null },
];

/** Says in its grpc-message how it was reached. */
async function startEndpoint(t: ExecutionContext, isSecure: boolean): Promise<number> {
  let offered = '';
  const server = isSecure
    ? http2.createSecureServer({
        cert: pem('server'),
        key: pem('server-key'),
        requestCert: true,
        rejectUnauthorized: false,
        ALPNCallback: ({ servername, protocols }) => {
          if (servername === 'offered') offered = `, offered ${protocols.join(' ')}`;
          return 'h2';
        },
      })
    : http2.createServer();
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session: http2.ServerHttp2Session) => sessions.add(session));
  server.on('sessionError', () => {});
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    const seen = describe(stream.session?.socket, offered);
    stream.on('error', () => {});
    stream.respond(
      { 'content-type': 'application/grpc', 'grpc-status': '0', 'grpc-message': seen },
      { endStream: true },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function describe(socket: unknown, offered: string): string {
  if (!(socket instanceof TLSSocket)) return 'clear';
  const client = socket.getPeerX509Certificate()?.subjectAltName ?? 'none';
  return `sni ${socket.servername || 'none'}, client ${client}${socket.servername === 'offered' ? offered : ''}`;
}

/** A cluster for each case, which `x-case` chooses. */
function snapshot(ports: Readonly<Record<Case['to'], number>>): ServingResource[] {
  const found = cases.flatMap(({ to, cluster: over, endpoint }, at): ServingResource[] => {
    const plain = endpoints(`c${at}`, [ports[to]]);
    const [locality] = plain.localities;
    const [first] = locality!.endpoints;
    return [
      { type: 'cluster', value: { ...cluster(`c${at}`), ...over } },
      {
        type: 'endpoints',
        value: { ...plain, localities: [{ ...locality!, endpoints: [{ ...first!, ...endpoint }] }] },
      },
    ];
  });
  const routes = cases.map(({ rewritten }, at): Route => {
    const forward = forwardTo([{ name: `c${at}`, weight: 1 }]);
    const plain = route(
      rewritten === undefined ? forward : { ...forward, hostRewrite: { kind: 'literal', value: rewritten } },
    );
    const value = { kind: 'exact', value: `${at}`, ignoreCase: false } as const;
    const headers = [{ name: 'x-case', match: value, invert: false, treatMissingAsEmpty: false }];
    return { ...plain, match: { ...plain.match, headers } };
  });
  return [
    ...found,
    { type: 'route', value: routeConfiguration('all', { '*': routes }) },
    { type: 'listener', value: listener('out', 'outbound', 'all') },
  ];
}

async function answersOf(port: number): Promise<string[]> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const answers: string[] = [];
  for (const [at, { authority = 'echo' }] of cases.entries()) {
    const { headers } = await call(session, { 'x-case': `${at}`, ':authority': authority });
    const status = headers['grpc-status'];
    answers.push(status === '0' ? String(headers['grpc-message']) : `status ${status}`);
  }
  session.destroy();
  return answers;
}

test('endpoints are reached by the socket that their metadata chooses, and as Envoy reaches them', async (t) => {
  const resources = snapshot({ tls: await startEndpoint(t, true), clear: await startEndpoint(t, false) });
  const plane = startDataPlane(resources);
  t.teardown(() => plane.stop());
  const named = (answers: readonly string[]) => cases.map(({ what }, at) => `${what}: ${answers[at]}`);
  const expected = cases.map(({ answer }) => answer ?? 'status 14');
  t.deepEqual(named(await answersOf(await plane.port('out'))), named(expected));
  if (envoyMissing !== null) {
    t.log(envoyMissing);
    return;
  }
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  controlPlane.setSnapshot('envoy', resources);
  const envoy = await startEnvoy({ xdsPort, node: 'envoy' });
  t.teardown(async () => {
    await envoy.stop();
    await controlPlane.close();
  });
  t.deepEqual(named(await answersOf(envoy.port('out'))), named(expected));
});
