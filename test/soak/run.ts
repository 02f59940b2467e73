// `npm run soak`: an agent in a process of its own, clients and endpoints here, at half of what they carry together, while
// connections die in every way and configuration changes. At the end every call is accounted for, memory is flat, and the
// agent's process ends by itself. Loopback only. Exit code 1 where one of these does not hold.
//
//   --minutes N        default 10
//   --seed N           what is drawn; default by the clock, and printed
//   --rate N           calls a second, instead of half the capacity
import { parseArgs } from 'node:util';
import { SoakAgent } from './agent.ts';
import type { Report } from './agent-child.ts';
import { SoakClient } from './client.ts';
import { EndpointTally, SoakEndpoint } from './endpoint.ts';
import { FaultInjector, firstResources } from './faults.ts';
import { Ledger, reconcile } from './ledger.ts';
import { Load } from './load.ts';
import { type MemorySample, memoryTrend } from './memory-trend.ts';
import { Random } from './random.ts';
import { accountTable, countsLine, memoryTable } from './table.ts';
import { pass } from './time.ts';
import { environment } from './world.ts';

const samples = 40;
const samplesPerLine = 4;
const endpointCount = 4;
const clientCount = 6;
const connectionsEach = 2;
const calibrationMs = 2000;
/** What calls that are under way at the end may still take: a silent endpoint is found by its keepalive. */
const endWithinMs = 30_000;
/** In less, memory is shown and not judged: it is still growing to its size. */
const leastForMemoryMs = 60_000;
/** What a line through noise may rise by: a share of the first value, and this much beside. */
const growthShare = 0.1;
const growthBytes = { heap: 3e6, arrayBuffers: 3e6, rss: 16e6 } as const;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rate: { type: 'string' },
  },
});
const durationMs = Number(values.minutes) * 60_000;
const random = new Random(Number(values.seed));
print(`soak of ${values.minutes} min, seed ${values.seed}`);

const problems: string[] = [];
const ownErrors: string[] = [];
const onError = (line: string): void => void ownErrors.push(line);
const ledger = new Ledger();
const tally = new EndpointTally();
const endpoints = Array.from({ length: endpointCount }, () => new SoakEndpoint(environment('server', onError), tally));
await Promise.all(endpoints.map((endpoint) => endpoint.listen()));
const agent = new SoakAgent();
const port = await agent.listen(firstResources(endpoints.map((endpoint) => endpoint.port)));
const clients = Array.from(
  { length: clientCount },
  () => new SoakClient(port, environment('client', onError), connectionsEach),
);
await Promise.all(clients.map((client) => client.connected));

const load = new Load(clients, ledger, random);
const rate = values.rate === undefined ? Math.floor((await load.capacity(calibrationMs)) / 2) : Number(values.rate);
print(`load of ${rate} calls a second`);

const faults = new FaultInjector({ endpoints, clients, apply: (upsert) => agent.apply(upsert) }, ledger, random);
const memory: { readonly ms: number; readonly report: Report }[] = [];
const startedMs = performance.now();
const startCpuMs = (await agent.report()).cpuMs;
load.start(rate);
faults.start();
const sampleEveryMs = Math.max(durationMs / samples, 250);
for (let i = 1; performance.now() - startedMs < durationMs; i++) {
  await pass(startedMs + i * sampleEveryMs - performance.now());
  const report = await agent.report();
  memory.push({ ms: performance.now() - startedMs, report });
  if (i % samplesPerLine === 0) print(progress(report));
}
load.stop();
await faults.stop();
const withoutEnd = await load.idle(endWithinMs);
if (withoutEnd > 0) problems.push(`${withoutEnd} calls have no end ${endWithinMs / 1000} s after the last was made`);

// What clients gave up, the agent still learns of.
let last = await agent.report();
for (let i = 0; i < 50 && last.active > 0; i++) {
  await pass(100);
  last = await agent.report();
}
if (last.active !== 0) problems.push(`the agent still counts ${last.active} calls as under way`);
problems.push(...reconcile(ledger, last.calls, tally.answered, last.limits['maxRequests'] ?? 0));
if (last.endpointsOk !== (last.calls[0] ?? 0)) {
  problems.push(`the agent counts ${last.calls[0]} calls as OK, and ${last.endpointsOk} by endpoint`);
}
if (ledger.unexplainedCount > 0) problems.push(`${ledger.unexplainedCount} calls ended for no reason that was given`);
for (const line of ledger.unexplained) problems.push(`  ${line}`);
for (const line of last.errors) problems.push(`the agent's log: ${line}`);
for (const line of ownErrors) problems.push(`the log of clients and endpoints: ${line}`);

print('');
print(accountTable(ledger, last.calls, tally.answered));
const seconds = (performance.now() - startedMs) / 1000;
const cpuShare = ((last.cpuMs - startCpuMs) / (seconds * 1000)) * 100;
print(
  `\n${load.started} calls in ${seconds.toFixed(0)} s, ${load.skipped} not made for want of room; agent ${cpuShare.toFixed(0)} % of a core`,
);
print(
  `endpoints: ${tally.received} streams, ${tally.refused} refused, ${tally.reset} reset, ${tally.cancelled} cancelled, ${tally.cut} cut`,
);
const [opened, rotations] = [
  sum(clients.map((client) => client.opened)),
  sum(clients.map((client) => client.rotations)),
];
print(`clients: ${opened} connections opened, ${rotations} GOAWAYs of the agent followed`);
print(`faults: ${countsLine(faults.done)}`);
print(`limits of the agent: ${countsLine(new Map(Object.entries(last.limits))) || 'none met'}`);

print('');
const trends = (['heap', 'arrayBuffers', 'rss'] as const).map((name) => {
  const sizes: MemorySample[] = memory.map(({ ms, report }) => ({ ms, bytes: report[name] }));
  const trend = memoryTrend(sizes);
  const allowed = trend.firstBytes * growthShare + growthBytes[name];
  if (durationMs >= leastForMemoryMs && trend.growthBytes > allowed) {
    problems.push(
      `${name} grew by ${mib(trend.growthBytes)} (${mib(trend.bytesPerMinute)} a minute), allowed ${mib(allowed)}`,
    );
  }
  return { name, trend };
});
print(memoryTable(trends));

for (const client of clients) client.retire();
const cut = await agent.drain(10_000);
if (cut > 0) problems.push(`${cut} calls were cut by the drain, and none was under way`);
const { resources, end } = await agent.finish();
print(`\nleft in the agent's process when all was closed: ${resources.join(', ') || 'nothing'}; its end: ${end}`);
if (resources.length > 0) problems.push(`handles are left: ${resources.join(', ')}`);
if (end !== 'exit 0') problems.push(`the agent's process: ${end}`);
for (const client of clients) client.close();
await Promise.all(endpoints.map((endpoint) => endpoint.close()));

print('');
for (const problem of problems) print(problem);
print(problems.length === 0 ? 'held' : `fell, with seed ${values.seed}`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** One line while it runs, which is long. */
function progress({ heap, arrayBuffers, rss }: Report): string {
  const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
  const size = `heap ${mib(heap)}, buffers ${mib(arrayBuffers)}, resident ${mib(rss)}`;
  return `${minutes} min: ${load.started} calls, ${load.inFlight} under way, ${ledger.unexplainedCount} unexplained; ${size}`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
