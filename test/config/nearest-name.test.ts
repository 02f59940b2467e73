// The word that an error message proposes.
import test from 'ava';
import { nearestName } from '../../agent/config/nearest-name.ts';

const words = ['services', 'agents', 'clients'];

for (const [typed, meant] of [
  ['servces', 'services'],
  ['serivces', 'services'],
  ['Agents', 'agents'],
  ['agent', 'agents'],
  ['client', 'clients'],
  ['services', 'services'],
] as const) {
  test(`"${typed}" was meant to be "${meant}"`, (t) => {
    t.is(nearestName(typed, words), meant);
  });
}

test('a word that is like none of them gets no proposal', (t) => {
  t.is(nearestName('listeners', words), null);
  t.is(nearestName('', words), null);
  t.is(nearestName('x', []), null);
});

test('of several near words the nearest is proposed', (t) => {
  t.is(nearestName('catalogue-4', ['catalogue-12', 'catalogue-1']), 'catalogue-1');
  t.is(nearestName('v3', ['v1', 'v2']), 'v1');
});
