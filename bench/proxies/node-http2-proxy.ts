// The peer that everybody could write: a node:http2 server whose streams are piped into node:http2 client sessions,
// round robin over the endpoints. Arguments: PORT ENDPOINT_PORT... [--tls CERTIFICATE KEY]
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { parseArgs } from 'node:util';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { tls: { type: 'boolean' } } });
const [port, ...endpoints] = positionals.filter((text) => /^\d+$/.test(text)).map(Number);
const [certificate = '', key = ''] = positionals.filter((text) => !/^\d+$/.test(text));
const scheme = values.tls ? 'https' : 'http';
const trust = values.tls ? { ca: readFileSync(certificate), servername: 'catalogue' } : {};
const sessions = endpoints.map((endpoint) => http2.connect(`${scheme}://127.0.0.1:${endpoint}`, trust));
let next = 0;

/** Fields that node:http2 refuses to be given. */
const CONNECTION_FIELDS = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade'];

const settings = { maxConcurrentStreams: 1000 };
const server = values.tls
  ? http2.createSecureServer({ settings, cert: readFileSync(certificate), key: readFileSync(key) })
  : http2.createServer({ settings });
server.on('stream', (downstream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
  const session = sessions[next++ % sessions.length]!;
  for (const name of CONNECTION_FIELDS) delete headers[name];
  const upstream = session.request({ ...headers });
  upstream.on('response', (answer) => {
    if (downstream.closed) return;
    downstream.respond({ ...answer }, { waitForTrailers: true });
    upstream.pipe(downstream);
  });
  let trailers: http2.IncomingHttpHeaders = {};
  upstream.on('trailers', (fields) => {
    trailers = fields;
  });
  downstream.on('wantTrailers', () => {
    if (!downstream.closed) downstream.sendTrailers({ ...trailers });
  });
  downstream.on('error', () => upstream.close(http2.constants.NGHTTP2_CANCEL));
  upstream.on('error', () => downstream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  downstream.pipe(upstream);
});
server.listen(port, '127.0.0.1', () => process.stdout.write('ready\n'));
