// A file and a control plane side by side: what the file says goes first, name by name.
import test from 'ava';
import type { ResourceSource } from '../../xds/dependency-manager.ts';
import { XdsError } from '../../xds/errors.ts';
import { LayeredResources } from '../../xds/layered-resources.ts';
import { LocalResources } from '../../xds/local-resources.ts';
import type { Resource } from '../../xds/model/resource.ts';
import type { ResourceWatcher, WildcardWatcher } from '../../xds/watchers.ts';
import { cluster } from '../support/resources.ts';
import { VirtualClock } from './virtual-clock.ts';

const named = (name: string, connectTimeoutMs = 1): Resource => ({
  type: 'cluster',
  value: { ...cluster(name), connectTimeoutMs },
});

/** A control plane that says what a test has it say. */
class Scripted implements ResourceSource {
  all: WildcardWatcher | null = null;
  readonly named = new Map<string, ResourceWatcher>();

  watch(_type: Resource['type'], name: string, watcher: ResourceWatcher): () => void {
    this.named.set(name, watcher);
    return () => this.named.delete(name);
  }

  watchAll(_type: 'listener' | 'cluster', watcher: WildcardWatcher): () => void {
    this.all = watcher;
    return () => {
      this.all = null;
    };
  }
}

function layered() {
  const own = new LocalResources();
  const others = new Scripted();
  const clock = new VirtualClock();
  const told: string[] = [];
  const layers = new LayeredResources({
    own,
    others,
    asksForAll: ['cluster'],
    log: (_level, message, fields) => told.push(`${message} ${String(fields?.['name'])}`),
    setTimer: clock.setTimer,
  });
  const seen = new Map<string, number>();
  const onUpdate: WildcardWatcher['onUpdate'] = ({ changed, removed }) => {
    for (const { type, value } of changed) if (type === 'cluster') seen.set(value.name, value.connectTimeoutMs);
    for (const name of removed) seen.delete(name);
  };
  const stop = layers.watchAll('cluster', { onUpdate, onSilence: () => {}, onError: () => {} });
  return { own, others, clock, layers, told, seen, stop };
}

test('a name of the file hides the one of the control plane, until the file lets go of it', (t) => {
  const { own, others, seen, told } = layered();
  own.apply([named('a', 1)]);
  others.all?.onUpdate({ changed: [named('a', 2), named('b', 2)], removed: [] });
  t.deepEqual(Object.fromEntries(seen), { a: 1, b: 2 });
  others.all?.onUpdate({ changed: [named('a', 3)], removed: [] });
  t.deepEqual(Object.fromEntries(seen), { a: 1, b: 2 });
  t.deepEqual(told, ['the control plane sends what the file has already; the one of the file serves a']);
  own.apply([named('b', 1)]);
  t.deepEqual(Object.fromEntries(seen), { a: 3, b: 1 });
  others.all?.onUpdate({ changed: [], removed: ['a', 'b'] });
  t.deepEqual(Object.fromEntries(seen), { b: 1 });
  own.apply([]);
  t.deepEqual(Object.fromEntries(seen), {});
});

test('what the file says is no answer of the control plane', (t) => {
  const { own, others, layers } = layered();
  own.apply([named('a')]);
  t.false(layers.hasHeard);
  others.all?.onUpdate({ changed: [], removed: [] });
  t.true(layers.hasHeard);
});

test('silence of the control plane ends the wait for it', (t) => {
  const { others, layers } = layered();
  others.all?.onSilence();
  t.true(layers.hasHeard);
});

test('everything of a type is asked for only where the bootstrap says so', (t) => {
  const { others, layers } = layered();
  others.all = null;
  layers.watchAll('listener', { onUpdate: () => {}, onSilence: () => {}, onError: () => {} });
  t.is(others.all, null);
});

test('a name that the file lacks is asked of the control plane, and given up there when the file has it', async (t) => {
  const { own, others, layers } = layered();
  const got: string[] = [];
  const stop = layers.watch('cluster', 'a', {
    onChanged: ({ value }) => got.push('connectTimeoutMs' in value ? `${value.connectTimeoutMs}` : ''),
    onAbsent: () => got.push('absent'),
    onError: () => {},
  });
  await Promise.resolve();
  others.named.get('a')?.onChanged(named('a', 2));
  own.apply([named('a', 1)]);
  t.false(others.named.has('a'));
  own.apply([]);
  others.named.get('a')?.onAbsent();
  t.deepEqual(got, ['2', '1', 'absent']);
  stop();
  t.false(others.named.has('a'));
});

test('what cannot be asked for counts as absent after 15 s', async (t) => {
  const { others, clock, layers } = layered();
  const got: string[] = [];
  layers.watch('endpoints', 'a', {
    onChanged: () => got.push('changed'),
    onAbsent: () => got.push('absent'),
    onError: () => {},
  });
  await Promise.resolve();
  others.named.get('a')?.onError(new XdsError('stream-failed', 'away'), false);
  clock.advance(14_999);
  t.deepEqual(got, []);
  clock.advance(1);
  t.deepEqual(got, ['absent']);
});
