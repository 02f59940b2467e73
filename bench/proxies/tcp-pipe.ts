// The floor of what a proxy in Node can cost: connections are piped to endpoints, byte by byte, and nothing is read.
// Arguments: PORT ENDPOINT_PORT...
import net from 'node:net';

const [port = 0, ...endpoints] = process.argv.slice(2).map(Number);
let next = 0;

const server = net.createServer({ noDelay: true }, (downstream) => {
  const upstream = net.connect({ host: '127.0.0.1', port: endpoints[next++ % endpoints.length]!, noDelay: true });
  downstream.on('error', () => upstream.destroy());
  upstream.on('error', () => downstream.destroy());
  downstream.pipe(upstream);
  upstream.pipe(downstream);
});
server.listen(port, '127.0.0.1');
