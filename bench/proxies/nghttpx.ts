// nghttpx of nghttp2: one worker in one process, HTTP/2 on both sides, no log.
import type { Endpoints } from '../endpoints/endpoints.ts';
import { which } from '../machine.ts';
import { nativeProxy } from './native-proxy.ts';

export const nghttpx = nativeProxy({
  name: 'nghttpx',
  source: 'Debian package nghttp2-proxy',
  path: () => which('nghttpx'),
  versionArgs: ['--version'],
  config: nghttpxConfig,
  // Else it says at its start that it has read the file.
  args: (file) => ['--log-level=ERROR', `--conf=${file}`],
});

function nghttpxConfig(port: number, { ports, tls }: Endpoints): string {
  return [
    `frontend=127.0.0.1,${port}${tls === null ? ';no-tls' : ''}`,
    ...ports.map((endpoint) => `backend=127.0.0.1,${endpoint};;proto=h2${tls === null ? '' : ';tls'}`),
    ...(tls === null ? [] : [`private-key-file=${tls.key}`, `certificate-file=${tls.certificate}`, 'insecure=yes']),
    // One core is all that it gets; a second process would only hand it its configuration.
    'workers=1',
    'single-process=yes',
    'accesslog-file=/dev/null',
    'errorlog-file=/dev/null',
    // A `via` field of its own in each call is work that the others don't do.
    'no-via=yes',
    'frontend-http2-max-concurrent-streams=1000',
    // With the default windows of 64 KiB large messages would wait for it.
    'frontend-http2-window-size=4194304',
    'frontend-http2-connection-window-size=16777216',
    'backend-http2-window-size=4194304',
    'backend-http2-connection-window-size=16777216',
    '',
  ].join('\n');
}
