// What pods find outside, a child process in the world's namespace: a control plane that serves each node what it is told
// on standard input (`{"node": ..., "resources": [...]}` a line, answered by `set NODE`), and a collector that prints
// `span JSON` for each.
import { createInterface } from 'node:readline';
import { OtlpReceiver } from '../../agent/telemetry/otlp-receiver.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';

const [host = '', xdsPort = '', otlpPort = ''] = process.argv.slice(2);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const controlPlane = createXdsServer({ log: () => {} });
await controlPlane.listen({ host, port: Number(xdsPort) });
const collector = new OtlpReceiver({
  host,
  httpPort: Number(otlpPort),
  log: (_level, message) => say(message),
  onSpan: (span) => say(`span ${JSON.stringify(span)}`),
});
await collector.listen();
createInterface({ input: process.stdin }).on('line', (line) => {
  const { node, resources } = JSON.parse(line) as { node: string; resources: readonly ServingResource[] };
  controlPlane.setSnapshot(node, resources);
  say(`set ${node}`);
});
say('ready');
