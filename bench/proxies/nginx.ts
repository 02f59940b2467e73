// nginx: one worker in one process, `grpc_pass`, no log. It carries one call at a time on a connection to an endpoint,
// whatever it is told.
import type { Endpoints } from '../endpoints/endpoints.ts';
import { which } from '../machine.ts';
import { nativeProxy } from './native-proxy.ts';

export const nginx = nativeProxy({
  name: 'nginx',
  source: 'Debian package nginx',
  path: () => which('nginx'),
  versionArgs: ['-v'],
  config: nginxConfig,
  args: (file) => ['-e', '/dev/null', '-c', file],
});

function nginxConfig(port: number, { ports, tls }: Endpoints, folder: string): string {
  return [
    'daemon off;',
    'master_process off;',
    'worker_processes 1;',
    `pid ${folder}/nginx.pid;`,
    'error_log /dev/null crit;',
    'worker_rlimit_nofile 10000;',
    'events { worker_connections 8000; }',
    'http {',
    '  access_log off;',
    // No limit on streams of messages.
    '  client_max_body_size 0;',
    ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${folder}/${kind};`),
    '  upstream endpoints {',
    ...ports.map((endpoint) => `    server 127.0.0.1:${endpoint};`),
    // As many connections to endpoints are kept as there are calls at a time, for as long as the run is.
    '    keepalive 512;',
    '    keepalive_requests 1000000000;',
    '  }',
    '  server {',
    `    listen 127.0.0.1:${port} http2${tls === null ? '' : ' ssl'};`,
    ...(tls === null ? [] : [`    ssl_certificate ${tls.certificate};`, `    ssl_certificate_key ${tls.key};`]),
    // It counts a stream for a while after its client has seen the end of it, refuses what is then one too many, and
    // ends the connection when that has come often: so it gets room beyond what the load generator uses.
    '    http2_max_concurrent_streams 2000;',
    // By default a connection of a client ends after 1,000 calls.
    '    keepalive_requests 1000000000;',
    `    location / { grpc_pass ${tls === null ? 'grpc' : 'grpcs'}://endpoints; grpc_socket_keepalive on; }`,
    '  }',
    '}',
    '',
  ].join('\n');
}
