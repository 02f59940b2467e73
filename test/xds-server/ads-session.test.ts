// One client's stream, request by request: who is sent what, when, and in which order. No sockets; the requests are
// written out as a client would send them. Case numbers are those of the protocol checklist that both sides are held to.
import test from 'ava';
import type { Resource, ResourceType } from '../../xds/model/resource.ts';
import { type DiscoveryRequest, type DiscoveryResponse, loadProtos } from '../../xds/protos.ts';
import { AdsSession } from '../../xds/server/ads-session.ts';
import type { Rejection } from '../../xds/server/client-session.ts';
import { compileSnapshot, type Snapshot } from '../../xds/server/snapshot.ts';
import { cluster, clusterNames, endpoints, listener, route } from './resources.ts';

const protos = loadProtos();

const typeUrls: Readonly<Record<ResourceType, string>> = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  route: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  secret: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
};

function snapshotOf(...resources: readonly Resource[]): Snapshot {
  return compileSnapshot(resources, [], protos.pack);
}

/** A session, what it sent since it was last asked ("cluster a b"), and a client that answers. */
class Talk {
  readonly sent: DiscoveryResponse[] = [];
  readonly rejections: Rejection[] = [];
  readonly session = new AdsSession({
    send: (response) => this.sent.push(response),
    onReject: (rejection) => this.rejections.push(rejection),
  });

  /** The last response of a type. */
  last(type: ResourceType): DiscoveryResponse {
    const found = this.sent.findLast(({ type_url }) => type_url === typeUrls[type]);
    if (found === undefined) throw new Error(`nothing of type ${type} was sent`);
    return found;
  }

  request(type: ResourceType, names: readonly string[], more: DiscoveryRequest = {}): void {
    this.session.request({ type_url: typeUrls[type], resource_names: names, ...more });
  }

  ack(type: ResourceType, names: readonly string[]): void {
    const { nonce = '', version_info = '' } = this.last(type);
    this.request(type, names, { response_nonce: nonce, version_info });
  }

  nack(type: ResourceType, names: readonly string[], message: string): void {
    const { nonce = '' } = this.last(type);
    this.request(type, names, { response_nonce: nonce, error_detail: { code: 3, message } });
  }

  /** Each response since the last question: its type and the names in it. */
  news(): string[] {
    const news = this.sent.slice(this.#seen).map((response) => {
      const type = Object.entries(typeUrls).find(([, url]) => url === response.type_url)?.[0];
      const names = (response.resources ?? []).map((any) => {
        const message: { readonly name?: string; readonly cluster_name?: string } = protos.unpack(any)?.message ?? {};
        return message.name ?? message.cluster_name;
      });
      return [type, ...names.sort()].join(' ');
    });
    this.#seen = this.sent.length;
    return news;
  }

  #seen = 0;
}

const two = snapshotOf(
  cluster('a'),
  cluster('b'),
  endpoints('a', 1),
  endpoints('b', 2),
  listener('in'),
  route('mesh', 'a'),
  route('other', 'b'),
);

function talkTo(snapshot: Snapshot | null): Talk {
  const talk = new Talk();
  talk.session.setSnapshot(snapshot);
  return talk;
}

test('an empty first request for clusters or listeners means all of them (case 26)', (t) => {
  const talk = talkTo(two);
  talk.request('cluster', []);
  talk.ack('cluster', []);
  talk.request('listener', []);
  t.deepEqual(talk.news(), ['cluster a b', 'listener in']);
});

test('an empty list after a named one means nothing (case 27), "*" means all beside the named (case 28)', (t) => {
  const talk = talkTo(two);
  talk.request('cluster', ['a']);
  talk.ack('cluster', []);
  t.deepEqual(talk.news(), ['cluster a']);
  talk.ack('cluster', ['*', 'a']);
  t.deepEqual(talk.news(), ['cluster a b']);
});

test('routes and endpoints are sent by name: exactly those asked for that exist, and no superset is asked of anyone', (t) => {
  const talk = talkTo(two);
  talk.request('endpoints', ['b', 'nowhere']);
  t.deepEqual(talk.news(), ['endpoints b']);
  talk.ack('endpoints', ['b', 'nowhere', 'a']);
  t.deepEqual(talk.news(), ['endpoints a b']);
  talk.request('route', ['nowhere']);
  t.deepEqual(talk.news(), []);
});

test('an acknowledged version is not sent again', (t) => {
  const talk = talkTo(two);
  talk.request('cluster', []);
  talk.ack('cluster', []);
  talk.session.setSnapshot(two);
  talk.session.setSnapshot(snapshotOf(cluster('b'), cluster('a'), endpoints('a', 9)));
  t.deepEqual(talk.news(), ['cluster a b']);
  t.is(talk.session.report().cluster?.state, 'acked');
});

test('only the types that changed are pushed', (t) => {
  const talk = talkTo(two);
  talk.request('cluster', []);
  talk.ack('cluster', []);
  talk.request('endpoints', ['a', 'b']);
  talk.ack('endpoints', ['a', 'b']);
  talk.news();
  talk.session.setSnapshot(snapshotOf(cluster('a'), cluster('b'), endpoints('a', 3), endpoints('b', 2)));
  t.deepEqual(talk.news(), ['endpoints a b']);
});

test('a rejected version is not sent again until it changes, and the reason is kept (case 24)', (t) => {
  const talk = talkTo(two);
  talk.request('cluster', []);
  talk.nack('cluster', [], 'a: connect_timeout: no');
  talk.nack('cluster', [], 'a: connect_timeout: no');
  talk.session.setSnapshot(two);
  t.deepEqual(talk.news(), ['cluster a b']);
  t.deepEqual(
    talk.rejections.map(({ type, detail }) => [type, detail]),
    [['cluster', 'a: connect_timeout: no']],
  );
  t.like(talk.session.report().cluster, { state: 'nacked', detail: 'a: connect_timeout: no' });

  talk.session.setSnapshot(snapshotOf(cluster('a'), cluster('b'), cluster('c')));
  t.deepEqual(talk.news(), ['cluster a b c']);
  talk.ack('cluster', []);
  t.is(talk.session.report().cluster?.detail, null);
});

test('a request with the nonce of an older response changes nothing (case 10)', (t) => {
  const talk = talkTo(two);
  talk.request('route', ['mesh']);
  const { nonce: older = '' } = talk.last('route');
  talk.ack('route', ['mesh']);
  talk.session.setSnapshot(snapshotOf(route('mesh', 'b'), route('other', 'b')));
  talk.news();
  talk.request('route', ['mesh', 'other'], { response_nonce: older });
  t.deepEqual(talk.news(), []);
  t.is(talk.session.report().route?.state, 'awaiting');
  talk.ack('route', ['mesh', 'other']);
  t.deepEqual(talk.news(), ['route mesh other']);
});

test('nonces count per type (case 8)', (t) => {
  const talk = talkTo(two);
  talk.request('cluster', []);
  talk.request('route', ['mesh']);
  talk.ack('cluster', []);
  talk.ack('route', ['mesh']);
  t.is(talk.session.report().cluster?.state, 'acked');
  t.is(talk.session.report().route?.state, 'acked');
});

test('while a response is unanswered no further one of its type is sent; then comes the newest', (t) => {
  const talk = talkTo(two);
  talk.request('endpoints', ['a']);
  for (const port of [3, 4, 5]) talk.session.setSnapshot(snapshotOf(endpoints('a', port)));
  t.deepEqual(talk.news(), ['endpoints a']);
  talk.ack('endpoints', ['a']);
  t.deepEqual(talk.news(), ['endpoints a']);
  talk.ack('endpoints', ['a']);
  t.deepEqual(talk.news(), []);
});

test('a name dropped and asked for again is sent again (case 33)', (t) => {
  const talk = talkTo(two);
  talk.request('endpoints', ['a', 'b']);
  talk.ack('endpoints', ['a']);
  talk.ack('endpoints', ['a', 'b']);
  t.deepEqual(talk.news(), ['endpoints a b', 'endpoints a b']);
});

test('an empty answer tells a wildcard client that there is nothing, once', (t) => {
  const talk = talkTo(snapshotOf());
  talk.request('listener', []);
  talk.ack('listener', []);
  t.deepEqual(talk.news(), ['listener']);
});

test('removing the last listener is an empty response (case 39)', (t) => {
  const talk = talkTo(two);
  talk.request('listener', []);
  talk.ack('listener', []);
  talk.session.setSnapshot(snapshotOf());
  t.deepEqual(talk.news(), ['listener in', 'listener']);
});

test('a node without a snapshot hears nothing, and everything once there is one', (t) => {
  const talk = talkTo(null);
  talk.request('cluster', []);
  talk.request('route', ['mesh']);
  t.deepEqual(talk.news(), []);
  talk.session.setSnapshot(two);
  talk.ack('cluster', []);
  t.deepEqual(talk.news(), ['cluster a b', 'route mesh']);
});

test('a type that is not served gets no answer, and the stream goes on (case 13)', (t) => {
  const talk = talkTo(two);
  talk.session.request({ type_url: 'type.googleapis.com/envoy.service.runtime.v3.Runtime', resource_names: [] });
  talk.session.request({});
  t.deepEqual(talk.news(), []);
  talk.request('cluster', []);
  t.deepEqual(talk.news(), ['cluster a b']);
});

// Traffic moves from cluster a to cluster b: a goes, b comes, and the route changes. At no moment may the client hold
// a route whose cluster it was told to forget.
test('make before break: new clusters, endpoints, then routes, and old clusters go last (case 83)', (t) => {
  const talk = talkTo(snapshotOf(cluster('a'), endpoints('a', 1), listener('in'), route('mesh', 'a')));
  talk.request('cluster', []);
  talk.ack('cluster', []);
  talk.request('endpoints', ['a']);
  talk.ack('endpoints', ['a']);
  talk.request('listener', []);
  talk.ack('listener', []);
  talk.request('route', ['mesh']);
  talk.ack('route', ['mesh']);
  t.deepEqual(talk.news(), ['cluster a', 'endpoints a', 'listener in', 'route mesh']);
  const { version_info: before } = talk.last('cluster');

  talk.session.setSnapshot(snapshotOf(cluster('b'), endpoints('b', 2), listener('in'), route('mesh', 'b')));
  t.deepEqual(talk.news(), ['cluster a b'], 'the route waits for the client to know b');
  const { version_info: between } = talk.last('cluster');
  talk.request('endpoints', ['a', 'b'], { response_nonce: '1' });
  t.deepEqual(talk.news(), ['endpoints b']);
  talk.ack('cluster', []);
  t.deepEqual(talk.news(), [], 'the endpoints of b are still on their way');
  talk.ack('endpoints', ['a', 'b']);
  t.deepEqual(talk.news(), ['route mesh']);
  talk.ack('route', ['mesh']);
  t.deepEqual(talk.news(), ['cluster b']);
  const { version_info: after } = talk.last('cluster');
  t.is(new Set([before, between, after]).size, 3);
  talk.ack('cluster', []);
  t.deepEqual(talk.news(), []);
});

test('a cluster that comes back before it was taken away just stays', (t) => {
  const talk = talkTo(snapshotOf(cluster('a'), route('mesh', 'a')));
  talk.request('cluster', []);
  talk.ack('cluster', []);
  talk.request('route', ['mesh']);
  talk.ack('route', ['mesh']);
  talk.session.setSnapshot(snapshotOf(cluster('b'), route('mesh', 'b')));
  talk.session.setSnapshot(snapshotOf(cluster('a'), cluster('b'), route('mesh', 'a')));
  talk.ack('cluster', []);
  t.deepEqual(clusterNames(talk.last('cluster')), ['a', 'b']);
  talk.ack('cluster', []);
  talk.ack('route', ['mesh']);
  t.deepEqual(clusterNames(talk.last('cluster')), ['a', 'b']);
});
