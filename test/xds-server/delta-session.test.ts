// One client's incremental stream, request by request: who is sent what, when, and in which order. No sockets. Case
// numbers are those of the protocol checklist that both sides are held to.
import test from 'ava';
import type { Resource, ResourceType } from '../../xds/model/resource.ts';
import { type DeltaDiscoveryRequest, type DeltaDiscoveryResponse, loadProtos } from '../../xds/protos.ts';
import { typeUrlOf } from '../../xds/server/client-session.ts';
import { DeltaSession } from '../../xds/server/delta-session.ts';
import { compileSnapshot, type Snapshot } from '../../xds/server/snapshot.ts';
import { cluster, endpoints, listener, route } from './resources.ts';

const protos = loadProtos();

function snapshotOf(...resources: readonly Resource[]): Snapshot {
  return compileSnapshot(resources, [], protos.pack);
}

/** A session, what it sent since it was last asked ("cluster +a -b"), and a client that answers. */
class Talk {
  readonly sent: DeltaDiscoveryResponse[] = [];
  readonly session = new DeltaSession({ send: (response) => this.sent.push(response), onReject: () => {} });
  #seen = 0;

  constructor(snapshot: Snapshot | null) {
    this.session.setSnapshot(snapshot);
  }

  request(type: ResourceType, request: DeltaDiscoveryRequest = {}): void {
    this.session.request({ type_url: typeUrlOf(type), ...request });
  }

  subscribe(type: ResourceType, ...names: readonly string[]): void {
    this.request(type, { resource_names_subscribe: names });
  }

  ack(type: ResourceType, more: DeltaDiscoveryRequest = {}): void {
    const { nonce = '' } = this.sent.findLast(({ type_url }) => type_url === typeUrlOf(type)) ?? {};
    this.request(type, { response_nonce: nonce, ...more });
  }

  news(): string[] {
    const news = this.sent.slice(this.#seen).map(({ type_url, resources = [], removed_resources = [] }) => {
      const type = (['cluster', 'endpoints', 'listener', 'route'] as const).find(
        (each) => typeUrlOf(each) === type_url,
      );
      const added = resources.map(({ name }) => `+${name}`).sort();
      return [type, ...added, ...removed_resources.map((name) => `-${name}`).sort()].join(' ');
    });
    this.#seen = this.sent.length;
    return news;
  }
}

const two = snapshotOf(cluster('a'), cluster('b'), endpoints('a', 1), endpoints('b', 2), listener('in'));

test('case 29: no names in the first request means everything, and stays so beside names', (t) => {
  const talk = new Talk(two);
  talk.request('cluster');
  talk.ack('cluster');
  talk.subscribe('cluster', 'c');
  t.deepEqual(talk.news(), ['cluster +a +b', 'cluster -c'], 'a name that is not there is said to be missing');
  talk.ack('cluster');
  talk.session.setSnapshot(snapshotOf(cluster('a'), cluster('b'), cluster('c'), cluster('d')));
  t.deepEqual(talk.news(), ['cluster +c +d']);
});

test('case 30: after * is given up only names count', (t) => {
  const talk = new Talk(two);
  talk.subscribe('cluster', '*', 'a');
  talk.ack('cluster');
  talk.request('cluster', { resource_names_unsubscribe: ['*'] });
  talk.session.setSnapshot(snapshotOf(cluster('c')));
  t.deepEqual(talk.news(), ['cluster +a +b', 'cluster -a']);
});

test('case 31: a name that is given up beside everything is sent again', (t) => {
  const talk = new Talk(two);
  talk.subscribe('cluster', '*', 'a');
  talk.ack('cluster');
  talk.request('cluster', { resource_names_unsubscribe: ['a'] });
  t.deepEqual(talk.news(), ['cluster +a +b', 'cluster +a']);
});

test('only what changed is sent, with a version that says what is inside', (t) => {
  const talk = new Talk(two);
  talk.subscribe('endpoints', 'a', 'b');
  talk.ack('endpoints');
  const [before] = talk.sent;
  talk.session.setSnapshot(snapshotOf(endpoints('a', 9), endpoints('b', 2)));
  talk.ack('endpoints');
  talk.session.setSnapshot(two);
  t.deepEqual(talk.news(), ['endpoints +a +b', 'endpoints +a', 'endpoints +a']);
  const versionOfA = (response: DeltaDiscoveryResponse | undefined) =>
    response?.resources?.find(({ name }) => name === 'a')?.version;
  t.is(versionOfA(talk.sent[2]), versionOfA(before));
  t.not(versionOfA(talk.sent[1]), versionOfA(before));
});

test('cases 55, 56, 57: who comes back is sent what differs from its versions, and told what has gone', (t) => {
  const first = new Talk(two);
  first.request('cluster');
  const held = Object.fromEntries(first.sent[0]?.resources?.map(({ name, version }) => [name, version]) ?? []);
  const again = new Talk(two);
  again.request('cluster', { initial_resource_versions: held });
  t.deepEqual(again.news(), ['cluster'], 'it asks for everything, so it is greeted');
  const later = new Talk(snapshotOf(cluster('b'), cluster('c')));
  later.request('cluster', { initial_resource_versions: { ...held, b: 'other' } });
  t.deepEqual(later.news(), ['cluster +b +c']);
  later.ack('cluster');
  t.deepEqual(later.news(), ['cluster -a']);
  const byName = new Talk(two);
  byName.request('cluster', { resource_names_subscribe: ['a', 'b'], initial_resource_versions: held });
  t.deepEqual(byName.news(), []);
});

test('case 70: a name that is subscribed to again is sent again', (t) => {
  const talk = new Talk(two);
  talk.subscribe('endpoints', 'a');
  talk.ack('endpoints');
  talk.subscribe('endpoints', 'a');
  t.deepEqual(talk.news(), ['endpoints +a', 'endpoints +a']);
});

test('case 71: giving up a name that was never asked for is harmless', (t) => {
  const talk = new Talk(two);
  talk.subscribe('endpoints', 'a');
  talk.ack('endpoints');
  talk.request('endpoints', { resource_names_unsubscribe: ['b'] });
  t.deepEqual(talk.news(), ['endpoints +a']);
});

test('case 74: an old nonce answers nothing, but what comes with it to subscribe counts', (t) => {
  const talk = new Talk(two);
  talk.subscribe('endpoints', 'a');
  talk.request('endpoints', { response_nonce: 'old', resource_names_subscribe: ['b'] });
  t.deepEqual(talk.news(), ['endpoints +a']);
  t.is(talk.session.report().endpoints?.state, 'awaiting');
  talk.ack('endpoints');
  t.deepEqual(talk.news(), ['endpoints +b']);
});

test('a rejected resource is not sent again until it changes, and the reason is kept (case 24)', (t) => {
  const talk = new Talk(two);
  talk.request('cluster');
  talk.ack('cluster', { error_detail: { code: 3, message: 'no' } });
  talk.session.setSnapshot(snapshotOf(cluster('a'), cluster('b'), endpoints('a', 7)));
  t.deepEqual(talk.news(), ['cluster +a +b']);
  t.like(talk.session.report().cluster, { state: 'nacked', detail: 'no' });
});

test('while a response is unanswered no further one of its type is sent; then comes the newest', (t) => {
  const talk = new Talk(two);
  talk.subscribe('endpoints', 'a');
  for (const port of [3, 4, 5]) talk.session.setSnapshot(snapshotOf(endpoints('a', port)));
  t.deepEqual(talk.news(), ['endpoints +a']);
  talk.ack('endpoints');
  talk.ack('endpoints');
  t.deepEqual(talk.news(), ['endpoints +a']);
});

test('a node without a snapshot hears nothing; one with an empty one is told so once', (t) => {
  const talk = new Talk(null);
  talk.request('listener');
  t.deepEqual(talk.news(), []);
  talk.session.setSnapshot(snapshotOf());
  talk.ack('listener');
  t.deepEqual(talk.news(), ['listener']);
});

test('make before break: new clusters, endpoints, then routes, and old clusters go last (case 83)', (t) => {
  const talk = new Talk(snapshotOf(cluster('a'), endpoints('a', 1), listener('in'), route('mesh', 'a')));
  talk.request('cluster');
  talk.ack('cluster');
  talk.subscribe('endpoints', 'a');
  talk.ack('endpoints');
  talk.request('listener');
  talk.ack('listener');
  talk.subscribe('route', 'mesh');
  talk.ack('route');
  t.deepEqual(talk.news(), ['cluster +a', 'endpoints +a', 'listener +in', 'route +mesh']);
  talk.session.setSnapshot(snapshotOf(cluster('b'), endpoints('b', 2), listener('in'), route('mesh', 'b')));
  t.deepEqual(talk.news(), ['cluster +b'], 'the route waits for the client to know b');
  talk.subscribe('endpoints', 'b');
  talk.ack('cluster');
  t.deepEqual(talk.news(), ['endpoints +b'], 'the endpoints of b are still on their way');
  talk.ack('endpoints');
  t.deepEqual(talk.news(), ['route +mesh']);
  talk.ack('route');
  t.deepEqual(talk.news(), ['cluster -a']);
  talk.ack('cluster');
  t.deepEqual(talk.news(), []);
});
