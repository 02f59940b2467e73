// The statistics as JSON, raw, for another process of ours: GET /stats?format=json. Both sides are here.
import { rowLength } from '../stats/call-layout.ts';
import type { MergedRow } from '../stats/stats-reader.ts';

export function encodeStats(rows: readonly MergedRow[]): string {
  return JSON.stringify({ rows: rows.map(({ values, ...row }) => ({ ...row, values: [...values] })) });
}

/** Rows that are no rows, or not of this version's layout, are left out. Throws where the text is no JSON. */
export function decodeStats(text: string): MergedRow[] {
  const document: unknown = JSON.parse(text);
  const rows = typeof document === 'object' && document !== null && 'rows' in document ? document.rows : [];
  return Array.isArray(rows) ? rows.map(decodeRow).filter((row) => row !== null) : [];
}

function decodeRow(row: unknown): MergedRow | null {
  if (typeof row !== 'object' || row === null) return null;
  const { kind, name, labels, values } = row as Partial<Record<string, unknown>>;
  if (kind !== 'call' && kind !== 'counter' && kind !== 'gauge') return null;
  if (typeof name !== 'string' || typeof labels !== 'object' || labels === null || !Array.isArray(values)) return null;
  if (!Object.values(labels).every((value) => typeof value === 'string')) return null;
  const decoded: MergedRow = {
    kind,
    name,
    labels: labels as Record<string, string>,
    values: Float64Array.from(values),
  };
  return decoded.values.length === rowLength(decoded) ? decoded : null;
}
