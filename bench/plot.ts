// The plot of docs/benchmarks.md: for each workload a group of bars, each proxy's CPU as a multiple of Outrigger's, on a
// logarithmic scale. SVG without styles from elsewhere, so that it looks the same wherever it is shown.
import type { Figure } from './figure.ts';
import { median } from './machine.ts';
import { valuesOf } from './report.ts';
import type { Workload } from './workloads.ts';

const colours = ['#888888', '#1f6f8b', '#c8553d', '#e0a030', '#4a7c59', '#7a5195', '#3d5a80', '#9c6644'];
const left = 110;
const width = 900;
const barHeight = 9;
const groupGap = 14;
const top = 50;
/** The scale reaches from a tenth of Outrigger's to a hundred times. */
const [least, most] = [0.1, 100];

export function formatPlot(figures: readonly Figure[], workloads: readonly Workload[]): string {
  const cpuOf = (workload: string, proxy: string): number | null => {
    const values = valuesOf(
      figures.filter((figure) => figure.workload === workload && figure.proxy === proxy),
      'cpuUs',
    );
    return values.length === 0 ? null : median(values);
  };
  const proxies = [...new Set(figures.filter(({ cpuUs }) => cpuUs !== null).map(({ proxy }) => proxy))];
  const colourOf = (proxy: string): string => colours[proxies.indexOf(proxy) % colours.length]!;
  const body: string[] = [];
  let y = top;
  for (const { name } of workloads) {
    const own = cpuOf(name, 'outrigger');
    const present = proxies.filter((proxy) => cpuOf(name, proxy) !== null);
    // CPU of connections that do nothing is nothing to compare.
    if (own === null || own === 0 || present.length < 2 || name === 'idle') continue;
    body.push(text(left - 8, y + (present.length * barHeight) / 2 + 4, name, 'end'));
    for (const proxy of present) {
      const ratio = (cpuOf(name, proxy) ?? 0) / own;
      const end = xOf(ratio);
      body.push(`<rect x="${left}" y="${y}" width="${(end - left).toFixed(1)}" height="8" fill="${colourOf(proxy)}"/>`);
      body.push(text(end + 4, y + 7.5, ratio.toFixed(2), 'start', 8));
      y += barHeight;
    }
    y += groupGap;
  }
  const scale = [0.1, 1, 10, 100].map((ratio) => {
    const x = xOf(ratio).toFixed(1);
    return `<path d="M${x} ${top - 6}V${y}" stroke="#cccccc"/>${text(Number(x), top - 10, `${ratio}x`, 'middle')}`;
  });
  const legend = proxies.map((proxy, at) => {
    const x = left + at * 98;
    return `<rect x="${x}" y="8" width="10" height="10" fill="${colourOf(proxy)}"/>${text(x + 14, 17, proxy, 'start')}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" font-family="sans-serif">`,
    `<title>CPU of each proxy for each unit of a workload, relative to Outrigger</title>`,
    `<rect width="${width}" height="${y}" fill="#ffffff"/>`,
    ...scale,
    ...legend,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function xOf(ratio: number): number {
  const share = Math.log(Math.min(most, Math.max(least, ratio)) / least) / Math.log(most / least);
  return left + share * (width - left - 40);
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', size = 11): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" text-anchor="${anchor}">${words}</text>`;
}
