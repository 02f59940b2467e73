// What a soak prints, as Markdown.
import { statusName } from '../../agent/grpc/status.ts';
import type { Counts, Ledger } from './ledger.ts';
import type { MemoryTrend } from './memory-trend.ts';

/** Each end of calls: how often the three parties have seen it, and what explains it. */
export function accountTable(ledger: Ledger, agent: Counts, endpoints: Counts): string {
  const lines = ['| ended with | clients | agent | endpoints | because |', '|---|--:|--:|--:|---|'];
  for (let status = -1; status <= 16; status++) {
    const seen = ledger.count(status);
    const counted = agent[status] ?? 0;
    const answered = endpoints[status] ?? 0;
    if (seen + counted + answered === 0) continue;
    const name = status === -1 ? 'given up' : statusName(status);
    const why = countsLine(ledger.ends.get(status) ?? new Map());
    lines.push(`| ${name} | ${seen} | ${status === -1 ? '' : counted} | ${answered || ''} | ${why} |`);
  }
  const total = Object.values(agent).reduce((sum, count) => sum + count, 0);
  const answered = Object.values(endpoints).reduce((sum, count) => sum + count, 0);
  lines.push(`| all | ${ledger.total} | ${total} | ${answered} | |`);
  return lines.join('\n');
}

export function memoryTable(trends: readonly { readonly name: string; readonly trend: MemoryTrend }[]): string {
  const lines = ['| memory of the agent | first | last | slope |', '|---|--:|--:|--:|'];
  for (const { name, trend } of trends) {
    lines.push(
      `| ${name} | ${mib(trend.firstBytes)} | ${mib(trend.lastBytes)} | ${mib(trend.bytesPerMinute)} a minute |`,
    );
  }
  return lines.join('\n');
}

/** `a 1, b 2`, the most frequent first. */
export function countsLine(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

function mib(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)} MiB`;
}
