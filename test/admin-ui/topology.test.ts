// The picture of the mesh: every part has a place, nothing lies upon another, and it fits its width.

import test from 'ava';
import { readTopology } from '../../admin-ui/src/topology-graph.ts';
import { layOutTopology } from '../../admin-ui/src/topology-layout.ts';
import type { Box } from '../../admin-ui/src/topology-parts.ts';
import { ScriptedMesh } from './scripted-mesh.ts';

const snapshot = new ScriptedMesh().advance(3);

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

for (const width of [300, 360, 640, 780, 830, 1400]) {
  test(`in ${width} pixels every part is drawn inside the picture and beside the others`, (t) => {
    const { nodes, links, groups, height } = layOutTopology(readTopology(snapshot), width);
    t.deepEqual(nodes.map(({ id }) => id).sort(), [
      'catalogue agent',
      'catalogue catalogue-1',
      'catalogue catalogue-2',
      'catalogue catalogue-3',
      'shop agent',
      'shop shop-1',
      'traffic',
    ]);
    t.is(links.length, 7, 'two between services, two lanes, three to endpoints');
    for (const { box } of [...nodes, ...groups]) {
      t.true(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height);
    }
    for (const [index, { id, box }] of nodes.entries()) {
      for (const other of nodes.slice(index + 1)) t.false(overlap(box, other.box), `${id} and ${other.id}`);
    }
  });
}

test('in a wide picture all agents stand on one line with the traffic', (t) => {
  const { nodes } = layOutTopology(readTopology(snapshot), 900);
  const middles = nodes
    .filter(({ kind }) => kind === 'agent' || kind === 'traffic')
    .map(({ box }) => box.y + box.height / 2);
  t.is(new Set(middles).size, 1);
});

test('services are ranked by how many others a call passes first', (t) => {
  const { services } = readTopology(snapshot);
  t.deepEqual(
    services.map(({ name, rank, isCaller }) => [name, rank, isCaller]),
    [
      ['shop', 0, true],
      ['catalogue', 1, false],
    ],
  );
});

test('services that call each other in a circle are ranked all the same', (t) => {
  const [edge] = snapshot.edges;
  if (edge === undefined) return t.fail('the scripted mesh has no edge');
  const edges = [
    { ...edge, from: 'shop', to: 'catalogue' },
    { ...edge, from: 'catalogue', to: 'shop' },
  ];
  const { services } = readTopology({ ...snapshot, edges });
  t.deepEqual(
    services.map(({ name }) => name),
    ['shop', 'catalogue'],
  );
});

test('before any call has been made the services stand there all the same', (t) => {
  const { services } = readTopology({ ...snapshot, edges: [] });
  t.is(services.length, 2);
  t.is(layOutTopology({ services, edges: [] }, 900).nodes.length, 7);
});
