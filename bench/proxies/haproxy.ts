// HAProxy: one thread, HTTP/2 on both sides, no log.
import type { Endpoints } from '../endpoints/endpoints.ts';
import { which } from '../machine.ts';
import { nativeProxy } from './native-proxy.ts';

export const haproxy = nativeProxy({
  name: 'haproxy',
  source: 'Debian package haproxy',
  path: () => which('haproxy'),
  versionArgs: ['-v'],
  config: haproxyConfig,
  args: (file) => ['-db', '-f', file],
});

function haproxyConfig(port: number, { ports, tls }: Endpoints): string {
  return [
    'global',
    // One core is all that it gets.
    '  nbthread 1',
    // Room for the 1,000 idle connections.
    '  maxconn 5000',
    // The default of 100 is enough for the clients; but it holds towards endpoints too, where a connection that carries
    // more calls takes more of them in one write.
    '  tune.h2.max-concurrent-streams 1000',
    // With the default of 200, the streams of one chunk are served in several rounds, and there is a write in each of
    // them: 500 streams at a time cost a fifth to a quarter more.
    '  tune.runqueue-depth 2000',
    'defaults',
    '  mode http',
    // A log line a call would be its largest cost; it has none without a `log` line.
    '  timeout connect 5s',
    '  timeout client 300s',
    '  timeout server 300s',
    // A connection to an endpoint carries calls of all clients, as the other proxies have it.
    '  http-reuse always',
    'frontend in',
    `  bind 127.0.0.1:${port} ${tls === null ? 'proto h2' : `ssl crt ${tls.both} alpn h2`}`,
    '  default_backend out',
    'backend out',
    '  balance roundrobin',
    // Idle connections to endpoints are kept, as many as there are.
    ...ports.map(
      (endpoint, at) =>
        `  server e${at} 127.0.0.1:${endpoint} ${tls === null ? 'proto h2' : 'ssl verify none alpn h2'} pool-max-conn -1`,
    ),
    '',
  ].join('\n');
}
