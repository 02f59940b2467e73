// The plot of docs/benchmarks.md: for each load a group of bars, each proxy's CPU as a multiple of Outrigger's, on a
// logarithmic scale. SVG without styles from elsewhere, so that it looks the same wherever it is shown.
import type { Figure } from '../figure.ts';
import type { Load } from '../workloads.ts';
import { middleOf } from './report.ts';

const colours: Readonly<Record<string, string>> = {
  'tcp pipe': '#aaaaaa',
  outrigger: '#1f6f8b',
  envoy: '#c8553d',
  nghttpx: '#e0a030',
  haproxy: '#4a7c59',
  nginx: '#7a5195',
  'node:http2': '#3d5a80',
  'grpc-js': '#9c6644',
  'grpc-proxy (Go)': '#5fa8a8',
};
const left = 110;
const width = 900;
const barHeight = 9;
const groupGap = 14;
const top = 50;
/** The scale reaches from a tenth of Outrigger's to a hundred times. */
const [least, most] = [0.1, 100];

/** `loads`: what is shown, from top to bottom. */
export function formatPlot(figures: readonly Figure[], loads: readonly Pick<Load, 'name'>[]): string {
  const proxies = Object.keys(colours).filter((proxy) => figures.some((figure) => figure.proxy === proxy));
  const body: string[] = [];
  let y = top;
  for (const { name } of loads) {
    const own = middleOf(figures, name, 'outrigger', 'cpuUs');
    const ratios = proxies.flatMap((proxy) => {
      const ratio = middleOf(figures, name, proxy, 'cpuUs') / own;
      return Number.isFinite(ratio) ? [{ proxy, ratio }] : [];
    });
    if (ratios.length < 2) continue;
    body.push(text(left - 8, y + (ratios.length * barHeight) / 2 + 4, name, 'end'));
    for (const { proxy, ratio } of ratios) {
      const end = xOf(ratio);
      const fill = colours[proxy] ?? '#000000';
      body.push(`<rect x="${left}" y="${y}" width="${(end - left).toFixed(1)}" height="8" fill="${fill}"/>`);
      body.push(text(end + 4, y + 7.5, ratio.toFixed(2), 'start', 8));
      y += barHeight;
    }
    y += groupGap;
  }
  const scale = [0.1, 1, 10, 100].map((ratio) => {
    const x = xOf(ratio);
    return `<path d="M${x.toFixed(1)} ${top - 6}V${y}" stroke="#cccccc"/>${text(x, top - 10, `${ratio}x`, 'middle')}`;
  });
  const legend = proxies.map((proxy, at) => {
    const x = 20 + at * 95;
    return `<rect x="${x}" y="8" width="10" height="10" fill="${colours[proxy]}"/>${text(x + 14, 17, proxy, 'start')}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" font-family="sans-serif">`,
    '<title>CPU of each proxy for each unit of a load, as a multiple of Outrigger’s; less is better</title>',
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
