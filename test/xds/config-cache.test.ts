// The configuration on disk: written whole or not at all, not with each change, and never fatal.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ConfigCache, type SavedResource } from '../../xds/index.ts';
import { bootstrapFor } from './client-harness.ts';
import { cluster } from './messages.ts';
import { VirtualClock } from './virtual-clock.ts';

const resource: SavedResource = { type: 'cluster', name: 'a', version: '1', bytes: cluster('a').value };

interface Fixture {
  readonly cache: ConfigCache;
  readonly clock: VirtualClock;
  readonly logs: string[];
  writes: number;
}

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-cache-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

function cacheIn(folder: string, server = 'xds:1'): Fixture {
  const clock = new VirtualClock();
  const logs: string[] = [];
  const fixture: Fixture = {
    clock,
    logs,
    writes: 0,
    cache: new ConfigCache({
      folder,
      bootstrap: bootstrapFor(server),
      held: () => {
        fixture.writes++;
        return [resource];
      },
      log: (level, message, fields = {}) => logs.push(`${level} ${message} ${fields['reason'] ?? ''}`.trim()),
      now: clock.now,
      setTimer: clock.setTimer,
    }),
  };
  return fixture;
}

test('many changes are one write, in a folder that is made, in a file that only its owner may read', async (t) => {
  const folder = join(await folderFor(t), 'deep', 'er');
  const { cache, clock, logs, ...fixture } = cacheIn(folder);
  t.is(await cache.load(), null);
  t.deepEqual(logs, ['info there is no configuration on disk yet']);
  for (let change = 0; change < 100; change++) cache.changed();
  t.deepEqual(clock.pending, [1000]);
  t.is(fixture.writes, 0);
  await cache.close();
  t.deepEqual(await readdir(folder), ['config.xds']);
  t.is((await stat(join(folder, 'config.xds'))).mode & 0o777, 0o600);
  t.like(await cacheIn(folder).cache.load(), { savedAt: clock.now(), resources: [{ name: 'a' }] });
});

test('what changes while a write is under way is written behind it', async (t) => {
  const folder = await folderFor(t);
  const fixture = cacheIn(folder);
  fixture.cache.changed();
  fixture.clock.advance(1000);
  t.is(fixture.writes, 1);
  fixture.cache.changed();
  t.deepEqual(fixture.clock.pending, [], 'one write at a time');
  await fixture.cache.close();
  t.is(fixture.writes, 2);
});

test('nothing has changed: closing writes nothing', async (t) => {
  const folder = await folderFor(t);
  const fixture = cacheIn(folder);
  await fixture.cache.close();
  t.is(fixture.writes, 0);
  t.deepEqual(await readdir(folder), []);
});

test('a folder that cannot be had is said once', async (t) => {
  const folder = join(await folderFor(t), 'taken');
  await writeFile(folder, 'a file');
  const { cache, logs } = cacheIn(folder);
  cache.changed();
  await cache.close();
  t.is(logs.length, 1);
  t.regex(logs[0] ?? '', /^warn the configuration could not be written to disk .*EEXIST/);
});

test('a file that is damaged, or of another server, is refused and left as it is until there is a better one', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'config.xds');
  await writeFile(path, 'rubbish');
  const first = cacheIn(folder);
  t.is(await first.cache.load(), null);
  t.deepEqual(first.logs, ['warn the configuration on disk is not used it is not a file of ours']);
  t.is(await readFile(path, 'utf8'), 'rubbish');
  first.cache.changed();
  await first.cache.close();
  const other = cacheIn(folder, 'elsewhere:1');
  t.is(await other.cache.load(), null);
  t.regex(other.logs[0] ?? '', /it is of another server: "xds:1", and this is "elsewhere:1"/);
  t.truthy(await cacheIn(folder).cache.load());
});
