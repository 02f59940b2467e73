// The admin port over real HTTP. Design section 11.
import { type IncomingHttpHeaders, request } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { createAdminServer } from '../../agent/admin/admin-server.ts';
import type { AdminSource } from '../../agent/admin/admin-source.ts';
import type { Log } from '../../agent/observe/log.ts';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import { StatsRegion } from '../../agent/stats/stats-region.ts';
import { parsePrometheus } from './prometheus-parser.ts';

const silent: Log = () => {};

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

async function startAdmin(t: ExecutionContext, parts: Partial<AdminSource> = {}) {
  const done: string[] = [];
  const stats = new StatsReader();
  const source: AdminSource = {
    ready: () => ({ ready: true, reasons: [], notes: [] }),
    serverInfo: () => ({ state: 'LIVE' }),
    configDump: () => ({ resources: ['a'] }),
    clusters: () => [{ name: 'catalogue' }],
    listeners: () => [{ name: 'inbound' }],
    stats,
    controlPlanes: () => [],
    setLogLevel: (level) => done.push(`level ${level}`),
    drain: () => done.push('drain'),
    quit: () => done.push('quit'),
    explain: async (listener, headers) =>
      listener === 'gone'
        ? { listeners: ['inbound', 'outbound'] }
        : { lines: [listener, ...headers.map((header) => header.join('='))] },
    ...parts,
  };
  const admin = createAdminServer({ host: '127.0.0.1', port: 0, log: silent, source });
  const port = await admin.listen();
  t.teardown(() => admin.close());
  const ask = (method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      sent.on('error', reject);
      sent.end();
    });
  return { ask, done, stats, port };
}

test('/ready is 200 when the agent takes calls, else 503 with the reasons; /live is 200 all the time', async (t) => {
  let reasons: string[] = [];
  let notes: string[] = [];
  const { ask } = await startAdmin(t, { ready: () => ({ ready: reasons.length === 0, reasons, notes }) });
  t.like(await ask('GET', '/ready'), { status: 200, text: 'LIVE\n' });
  reasons = ['the control plane has not been reached yet', 'listener inbound is not bound yet'];
  t.like(await ask('GET', '/ready'), { status: 503, text: `not ready\n${reasons.join('\n')}\n` });
  reasons = [];
  notes = ['stale: 4 resources are from the disk'];
  t.like(await ask('GET', '/ready'), { status: 200, text: `LIVE\n${notes[0]}\n` });
  t.is((await ask('GET', '/live')).status, 200);
});

test('/metrics and /stats/prometheus are the same valid text, with the process in it', async (t) => {
  const { ask, stats } = await startAdmin(t);
  const buffer = new SharedArrayBuffer(8192);
  stats.addWorker(0, buffer);
  new StatsRegion(buffer, (row) => stats.addRow(0, row)).counter('outrigger_things_total', { kind: 'a' }).add(3);
  for (const path of ['/metrics', '/stats/prometheus']) {
    const { status, headers, text } = await ask('GET', path);
    t.is(status, 200);
    t.is(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    const families = parsePrometheus(text);
    t.is(families.get('outrigger_things_total')?.samples[0]?.value, 3);
    t.true((families.get('process_resident_memory_bytes')?.samples[0]?.value ?? 0) > 1e6);
  }
  t.regex((await ask('GET', '/stats?filter=things')).text, /^outrigger_things_total\{kind="a"\}: 3\n$/);
  t.is((await ask('GET', '/stats?filter=[')).status, 400);
});

test('views are JSON', async (t) => {
  const { ask } = await startAdmin(t);
  for (const path of ['/config_dump', '/clusters', '/listeners', '/server_info']) {
    const { status, headers, text } = await ask('GET', path);
    t.is(status, 200, path);
    t.is(headers['content-type'], 'application/json');
    t.notThrows(() => JSON.parse(text));
  }
});

test('what changes something is POST, and a GET of it changes nothing', async (t) => {
  const { ask, done } = await startAdmin(t);
  for (const path of ['/logging?level=debug', '/drain', '/quitquitquit']) {
    const { status, headers } = await ask('GET', path);
    t.is(status, 405);
    t.is(headers.allow, 'POST');
  }
  t.is((await ask('POST', '/ready')).status, 405);
  t.deepEqual(done, []);
  t.is((await ask('POST', '/logging?level=debug')).status, 200);
  t.like(await ask('POST', '/logging?level=loud'), {
    status: 400,
    text: "level is debug, info, warn, error, not 'loud'\n",
  });
  t.is((await ask('POST', '/drain')).status, 200);
  t.like(await ask('POST', '/quitquitquit'), { status: 200, text: 'ending\n' });
  // The agent ends only once the answer is out: the next one is after that.
  await ask('GET', '/live');
  t.deepEqual(done, ['level debug', 'drain', 'quit']);
});

test('an unknown path is 404 with the list of those that there are, and / is that list', async (t) => {
  const { ask } = await startAdmin(t);
  const { status, text } = await ask('GET', '/help');
  t.is(status, 404);
  for (const path of ['/ready', '/config_dump', '/quitquitquit', '/explain']) t.true(text.includes(` ${path} `), path);
  t.is((await ask('GET', '/')).status, 200);
  t.is((await ask('HEAD', '/ready')).text, '');
});

test('/explain asks the data plane with the headers of a gRPC call', async (t) => {
  const { ask } = await startAdmin(t);
  const query =
    'listener=outbound&authority=catalogue&path=demo.Catalogue/GetProduct&header=X-Preview:%20yes&header=a:b';
  t.deepEqual((await ask('GET', `/explain?${query}`)).text.trimEnd().split('\n'), [
    'outbound',
    ':method=POST',
    ':scheme=http',
    ':path=/demo.Catalogue/GetProduct',
    ':authority=catalogue',
    'content-type=application/grpc',
    'te=trailers',
    'x-preview=yes',
    'a=b',
  ]);
  t.is((await ask('GET', '/explain?listener=outbound')).status, 400);
  const unknown = await ask('GET', `/explain?${query.replace('outbound', 'gone')}`);
  t.is(unknown.status, 404);
  t.is(unknown.text, 'no listener gone; there are: inbound, outbound\n');
  t.is((await ask('GET', `/explain?${query}&header=nonsense`)).status, 400);
});

test('a name that DNS could lead here is refused, so that no page of a stranger can read this port', async (t) => {
  const { ask, port } = await startAdmin(t);
  for (const host of [
    `evil.example:${port}`,
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[evil]',
  ]) {
    t.is((await ask('GET', '/config_dump', { host })).status, 403, host);
  }
  for (const host of [
    'localhost',
    `LOCALHOST:${port}`,
    '127.0.0.1',
    `[::1]:${port}`,
    '10.0.0.1:80',
    'mesh.localhost',
  ]) {
    t.is((await ask('GET', '/config_dump', { host })).status, 200, host);
  }
});

test("a page of another origin can't POST", async (t) => {
  const { ask, done, port } = await startAdmin(t);
  t.is((await ask('POST', '/drain', { origin: 'https://evil.example' })).status, 403);
  t.is((await ask('POST', '/drain', { origin: 'null' })).status, 403);
  t.deepEqual(done, []);
  t.is((await ask('POST', '/drain', { origin: `http://127.0.0.1:${port}` })).status, 200);
});

test('a view that fails is a 500 with its reason, and the port goes on', async (t) => {
  const { ask } = await startAdmin(t, {
    clusters: () => {
      throw new Error('no clusters today');
    },
  });
  t.like(await ask('GET', '/clusters'), { status: 500, text: 'no clusters today\n' });
  t.is((await ask('GET', '//[')).status, 400);
  t.is((await ask('GET', '/live')).status, 200);
});

test('a busy port is one clear sentence', async (t) => {
  const { port } = await startAdmin(t);
  const source = {} as AdminSource;
  const second = createAdminServer({ host: '127.0.0.1', port, log: silent, source });
  await t.throwsAsync(second.listen(), {
    message: `can't open the admin port 127.0.0.1:${port}: another process has it; --admin-port takes another`,
  });
});
