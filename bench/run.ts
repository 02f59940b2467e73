// `npm run bench`: what each proxy costs and how late its answers are, in one run, in interleaved rounds. Writes
// docs/benchmarks.md, its plot and its raw figures, and profiles of Outrigger under some of the loads.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release as kernel, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countCpu, foreignCores, takeLock, untilAlone } from './alone.ts';
import { type Backdrop, startBackdrop } from './endpoints/endpoints.ts';
import type { Figure, RunFacts, RunRecord } from './figure.ts';
import { type PayloadFiles, writePayloads } from './load/payload.ts';
import { LOAD_CORE, pinSelf, versionOf, which } from './machine.ts';
import { expectedSeconds, formatFigure, measure } from './measure.ts';
import { profile } from './profile.ts';
import { PROXIES } from './proxies/proxies.ts';
import { writePartial, writeResults } from './report/results.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const USAGE = `npm run bench -- [flags]; without any, the run of record, of about half an hour
  --workload NAME   only that one (repeatable): ${WORKLOADS.map(({ name }) => name).join(', ')}
  --proxy NAME      only that one (repeatable): ${PROXIES.map(({ name }) => name).join('; ')}
  --rounds N        5
  --scale N         share of each load's time: 1
  --anyway          although the machine does other things
  --profile         only the profiles of Outrigger, and their table in docs/performance.md
  --from FILE       measures nothing, makes the report of a former run's figures
`;
const leastRounds = 5;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: String(leastRounds) },
    scale: { type: 'string', default: '1' },
    workload: { type: 'string', multiple: true },
    proxy: { type: 'string', multiple: true },
    anyway: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    from: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const scale = Number(values.scale);
if (values.help || !(rounds >= 1) || !(scale > 0)) {
  process.stdout.write(USAGE);
  process.exit(values.help ? 0 : 64);
}
const loads = WORKLOADS.flatMap((workload) => workload.loads);

if (values.from !== undefined) {
  const record = JSON.parse(readFileSync(values.from, 'utf8')) as RunRecord;
  process.stdout.write(`bench: wrote ${writeResults(record, loads, isOfRecord(record))}\n`);
  process.exit(0);
}

const workloads = chosen('--workload', WORKLOADS, values.workload);
const proxies = chosen('--proxy', PROXIES, values.proxy);
const isWhole =
  values.workload === undefined && values.proxy === undefined && rounds >= leastRounds && scale >= 1 && !values.profile;

for (const program of ['h2load', 'nghttpd', 'taskset', 'openssl']) {
  if (which(program) === null) {
    fail(`${program} is missing (Debian packages nghttp2-client, nghttp2-server, util-linux, openssl)`);
  }
}
// Proxies, endpoints and the lock go with the process, whatever ends it.
process.setMaxListeners(100);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
try {
  takeLock();
} catch (error) {
  fail(messageOf(error));
}
const busy = await untilAlone(isWhole && !values.anyway ? 60 : 0);
if (busy !== null) {
  const words = `other processes keep ${busy.toFixed(2)} cores busy, so figures would be only indicative`;
  if (isWhole && !values.anyway) fail(`${words}; --anyway runs all the same`);
  process.stdout.write(`bench: ${words}\n`);
}
pinSelf(LOAD_CORE);
const folder = mkdtempSync(join(tmpdir(), 'outrigger-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const files = writePayloads(folder);
const backdrop = await startBackdrop(folder);

if (values.profile) {
  await profile(backdrop, files);
} else {
  const record = await measureAll(backdrop, files);
  if (isWhole) await profile(backdrop, files);
  process.stdout.write(`bench: wrote ${writeResults(record, loads, isOfRecord(record))}\n`);
}
await backdrop.stop();
process.exit(0);

/** Whether a record has what the project's own must have. */
function isOfRecord({ facts, figures }: RunRecord): boolean {
  return (
    facts.isWhole &&
    loads.every(
      ({ name }) => new Set(figures.filter(({ load }) => load === name).map(({ round }) => round)).size >= leastRounds,
    )
  );
}

async function measureAll(behind: Backdrop, payloads: PayloadFiles): Promise<RunRecord> {
  const missing: string[] = [];
  const present = proxies.filter((proxy) => {
    const lacks = proxy.missing();
    if (lacks !== null) missing.push(`${proxy.name}: this machine lacks ${lacks}`);
    return lacks === null;
  });
  for (const line of missing) process.stdout.write(`not measured: ${line}\n`);
  const cells = workloads.flatMap((workload) =>
    present.filter(({ name }) => workload.proxies.includes(name)).map((proxy) => ({ proxy, workload })),
  );
  const seconds = cells.reduce((sum, { proxy, workload }) => sum + expectedSeconds(proxy, workload, scale), 0);
  process.stdout.write(`bench: ${rounds} rounds, about ${Math.ceil((rounds * seconds) / 60)} minutes\n`);

  const began = new Date();
  // A row of a special configuration is no program of its own.
  const programs = present.filter(({ name }) => !name.includes(','));
  const named = programs.flatMap((proxy) => {
    const version = proxy.version();
    return version === null ? [] : [`${proxy.name} ${version}`];
  });
  const figures: Figure[] = [];
  const foreign: number[] = [];
  const record = (): RunRecord => ({ facts: factsOf(named, missing, foreign, began), figures });
  for (let round = 1; round <= rounds; round++) {
    const before = { cpu: countCpu(), children: behind.cpuSeconds(), at: performance.now() };
    for (const { proxy, workload } of cells) {
      const endpoints = behind.of[workload.endpoints];
      try {
        await measure(proxy, workload, { endpoints, files: payloads, folder, round, scale }, (figure) => {
          figures.push(figure);
          process.stdout.write(`${formatFigure(figure)}\n`);
        });
      } catch (error) {
        const reason = messageOf(error);
        missing.push(`${proxy.name}, ${workload.name}, round ${round}: ${reason.split('\n')[0]}`);
        process.stdout.write(`round ${round}  ${proxy.name}: ${reason}\n`);
      }
      writePartial(record());
    }
    const elapsed = (performance.now() - before.at) / 1000;
    foreign.push(foreignCores(before.cpu, countCpu(), behind.cpuSeconds() - before.children, elapsed));
    process.stdout.write(
      `bench: round ${round} of ${rounds} took ${(elapsed / 60).toFixed(1)} minutes; other processes kept ${foreign.at(-1)?.toFixed(2)} cores busy\n`,
    );
  }
  return record();
}

function factsOf(
  versions: readonly string[],
  missing: readonly string[],
  foreign: readonly number[],
  began: Date,
): RunFacts {
  return {
    began: began.toISOString(),
    minutes: (Date.now() - began.getTime()) / 60_000,
    machine: `${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Linux ${kernel()}`,
    command: ['npm run bench', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' '),
    isWhole,
    rounds,
    versions: [`Node ${process.versions.node}`, `h2load ${versionOf('h2load')}`, ...versions],
    missing,
    foreignCores: [...foreign],
  };
}

function chosen<T extends Pick<Workload, 'name'>>(
  flag: string,
  all: readonly T[],
  names: readonly string[] | undefined,
): readonly T[] {
  for (const name of names ?? []) {
    if (all.some((one) => one.name === name)) continue;
    fail(`${flag} ${name}: there are ${all.map((one) => one.name).join(', ')}`);
  }
  return all.filter(({ name }) => names === undefined || names.includes(name));
}

function fail(reason: string): never {
  process.stderr.write(`bench: ${reason}\n`);
  process.exit(1);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
