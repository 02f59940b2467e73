// What pods find outside, a child process in the world's namespace: a control plane and a collector, which do what each line
// of standard input says. `serve`: the node gets these resources, answered by `served ID`. `spans`: as soon as so many have
// come, they are printed behind `spans`.
import { createInterface } from 'node:readline';
import { OtlpReceiver } from '../../agent/telemetry/otlp-receiver.ts';
import type { ReceivedSpan } from '../../agent/telemetry/otlp-spans.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';

type Wish =
  | {
      readonly kind: 'serve';
      readonly id: number;
      readonly node: string;
      readonly resources: readonly ServingResource[];
    }
  | { readonly kind: 'spans'; readonly count: number };

const [host = '', xdsPort = '', otlpPort = ''] = process.argv.slice(2);
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const spans: ReceivedSpan[] = [];
let wanted = Number.POSITIVE_INFINITY;

function sayWanted(): void {
  if (spans.length < wanted) return;
  wanted = Number.POSITIVE_INFINITY;
  say(`spans ${JSON.stringify(spans)}`);
}

const controlPlane = createXdsServer({ log: () => {} });
await controlPlane.listen({ host, port: Number(xdsPort) });
const collector = new OtlpReceiver({
  host,
  httpPort: Number(otlpPort),
  log: (_level, message) => say(message),
  onSpan: (span) => {
    spans.push(span);
    sayWanted();
  },
});
await collector.listen();
createInterface({ input: process.stdin }).on('line', (line) => {
  const wish = JSON.parse(line) as Wish;
  if (wish.kind === 'serve') {
    controlPlane.setSnapshot(wish.node, wish.resources);
    say(`served ${wish.id}`);
  } else {
    wanted = wish.count;
    sayWanted();
  }
});
say('ready');
