// Rules that arrive by name, before or after the calls.
import test from 'ava';
import { RouteTables } from '../../agent/director/route-tables.ts';
import { type RouteConfiguration, unchanged } from '../../xds/model/route.ts';
import { call, route, shapes, virtualHost } from './routes.ts';

const config = (cluster: string): RouteConfiguration => ({
  name: 'shop',
  virtualHosts: [virtualHost('all', ['*'], [route(cluster)])],
  ignorePortInHostMatching: false,
  ...unchanged,
  mostSpecificMutationsWin: false,
});

test('a listener that waits for its rules fails calls, and follows the rules once they come, change and go', (t) => {
  const tables = new RouteTables({ random: () => 0, shapes });
  const director = tables.directorOf({ kind: 'rds', name: 'shop' });
  const missing = 'route configuration shop has not arrived from the control plane';
  t.like(director.direct(call()), { kind: 'reject', status: 14, message: missing });
  t.deepEqual(director.explain(call()), [missing]);
  for (const cluster of ['a', 'b']) {
    tables.upsert(config(cluster));
    t.like(director.direct(call()), { kind: 'forward', cluster });
    t.is(director.explain(call()).at(-1), `route 1: taken, forwarded to cluster ${cluster}`);
  }
  tables.remove('shop');
  t.like(director.direct(call()), { kind: 'reject', status: 14 });
});

test('rules inside a listener are its own', (t) => {
  const tables = new RouteTables({ random: () => 0, shapes });
  const inline = tables.directorOf({ kind: 'inline', config: config('inline') });
  tables.upsert(config('by name'));
  t.like(inline.direct(call()), { kind: 'forward', cluster: 'inline' });
});
