// Where a run's record, report and plot are written. Only a run that measured everything, five times at least, becomes
// the project's own; whatever else is measured lands outside it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RunRecord } from '../figure.ts';
import type { ScaleRecord } from '../scale/scale-record.ts';
import type { Load } from '../workloads.ts';
import { formatPlot } from './plot.ts';
import { formatReport } from './report.ts';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
export const CACHE: string = fileURLToPath(new URL('../../node_modules/.cache/bench/', import.meta.url));

/** Loads whose bars in the plot would say nothing of CPU, or the same again. */
const unplotted = /^(?:open-|idle|clusters-|routes)/;

/** Answers the path of the report. */
export function writeResults(record: RunRecord, loads: readonly Load[], isOfRecord: boolean): string {
  const folder = isOfRecord ? DOCS : CACHE;
  mkdirSync(folder, { recursive: true });
  const plotted = loads.filter(({ name }) => !unplotted.test(name));
  writeFileSync(`${folder}benchmarks.md`, formatReport(record, loads, readScale()));
  writeFileSync(`${folder}benchmarks.svg`, formatPlot(record.figures, plotted));
  writeFileSync(`${folder}benchmarks.json`, formatRecord(record));
  return `${folder}benchmarks.md`;
}

/** What `npm run bench:scale` measured last; `null` where it has not. */
function readScale(): ScaleRecord | null {
  const path = `${DOCS}scale.json`;
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as ScaleRecord) : null;
}

/** What a run has so far, for when it is interrupted; `--from` makes a report of it. */
export function writePartial(record: RunRecord): void {
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(`${CACHE}partial.json`, formatRecord(record));
}

/** JSON with a line for each figure, so that two runs can be compared. */
function formatRecord({ facts, figures }: RunRecord): string {
  const lines = figures.map((figure) => `    ${JSON.stringify(figure, rounded)}`);
  return `{\n  "facts": ${JSON.stringify(facts, null, 2).replaceAll('\n', '\n  ')},\n  "figures": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}
