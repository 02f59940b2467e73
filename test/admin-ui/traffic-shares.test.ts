// Who took how many: shares within the window of recent snapshots, against the configured split.

import test from 'ava';
import { computeShares, type ShareWindow, slideWindow } from '../../admin-ui/src/traffic-shares.ts';
import type { MeshSnapshot } from '../../agent/admin/mesh-snapshot.ts';
import { ScriptedMesh } from './scripted-mesh.ts';

function follow(snapshots: readonly MeshSnapshot[]): ShareWindow {
  return snapshots.reduce<ShareWindow>((window, snapshot) => slideWindow(window, snapshot), []);
}

function percentages(window: ShareWindow, snapshot: MeshSnapshot): Record<string, number | null> {
  const catalogue = computeShares(window, snapshot).find(({ service }) => service === 'catalogue');
  const rows = catalogue?.versions.flatMap((version) => [
    [version.version, version.share] as const,
    ...version.endpoints.map(({ endpoint, share }) => [endpoint.name, share] as const),
  ]);
  return Object.fromEntries(
    (rows ?? []).map(([name, share]) => [name, share === null ? null : Math.round(share * 100)]),
  );
}

test('one snapshot is shared out by the rates of the moment', (t) => {
  const snapshot = new ScriptedMesh().next();
  const shares = { v1: 90, 'catalogue-1': 45, 'catalogue-2': 45, v2: 10, 'catalogue-3': 10 };
  t.deepEqual(percentages(follow([snapshot]), snapshot), shares);
});

test('a changed split shows from its first snapshot on, and calls of the old one never count in the second', (t) => {
  const mesh = new ScriptedMesh();
  const before = Array.from({ length: 30 }, () => mesh.next());
  mesh.split(20, 80);
  const first = mesh.next();
  const second = mesh.next();
  const shares = { v1: 20, 'catalogue-1': 10, 'catalogue-2': 10, v2: 80, 'catalogue-3': 80 };
  t.deepEqual(percentages(follow([...before, first]), first), shares);
  t.deepEqual(percentages(follow([...before, first, second]), second), shares);
});

test('the window forgets what is older than fifteen seconds', (t) => {
  const mesh = new ScriptedMesh();
  const window = follow(Array.from({ length: 100 }, () => mesh.next()));
  t.is(window.length, 16);
});

test('without a call there is no share, and the configured one stands', (t) => {
  const mesh = new ScriptedMesh().sleep();
  const window = follow([mesh.next(), mesh.next()]);
  const snapshot = mesh.next();
  t.deepEqual(percentages(slideWindow(window, snapshot), snapshot)['v1'], null);
  const configured = computeShares(window, snapshot).flatMap(({ versions }) => versions.map((each) => each.configured));
  t.deepEqual(configured, [null, 0.9, 0.1]);
});

test('an endpoint that begins anew at zero never counts below it', (t) => {
  const [earlier, later] = [new ScriptedMesh().advance(50), new ScriptedMesh().advance(2)];
  const restarted = { ...later, atMs: earlier.atMs + 1000 };
  const shares = Object.values(percentages(follow([earlier, restarted]), restarted));
  t.true(shares.every((share) => share === null || share >= 0));
});
