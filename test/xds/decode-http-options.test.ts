// HttpProtocolOptions of a cluster -> how long connections live, and what the name of a call says (xds.md section 1.5).
import test from 'ava';
import { errorsOf, modelOf, warningsOf } from './decoding.ts';
import { pack } from './messages.ts';

const eds = { name: 'c', type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } } };
const httpOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const keepalive = { interval: { seconds: 30 }, timeout: { seconds: 5 } };

test('how long connections to endpoints live: from the typed options, else from the field that these replaced', (t) => {
  const typed = (options: object) => ({
    ...eds,
    http2_protocol_options: { connection_keepalive: { interval: { seconds: 1 }, timeout: { seconds: 1 } } },
    typed_extension_protocol_options: { [httpOptions]: pack(httpOptions, options) },
  });
  const asked = { intervalMs: 30_000, timeoutMs: 5000 };
  for (const kind of ['explicit_http_config', 'use_downstream_protocol_config', 'auto_config']) {
    const options = {
      common_http_protocol_options: { idle_timeout: {}, max_connection_duration: { seconds: 3600 } },
      [kind]: { http2_protocol_options: { connection_keepalive: keepalive } },
    };
    t.deepEqual(modelOf('cluster', typed(options)).connectionLife, {
      keepalive: asked,
      idleTimeoutMs: 0,
      maxDurationMs: 3_600_000,
    });
  }
  t.is(modelOf('cluster', typed({ explicit_http_config: { http2_protocol_options: {} } })).connectionLife, undefined);
  const old = modelOf('cluster', { ...eds, http2_protocol_options: { connection_keepalive: keepalive } });
  t.deepEqual(old.connectionLife, { keepalive: asked, idleTimeoutMs: null, maxDurationMs: null });
});

test('what the name of a call says of TLS: by SNI, by the certificate, and from which header', (t) => {
  const typed = (names: object) => ({
    ...eds,
    typed_extension_protocol_options: {
      [httpOptions]: pack(httpOptions, { upstream_http_protocol_options: names, explicit_http_config: {} }),
    },
  });
  const nameOf = (names: object) => modelOf('cluster', typed(names)).callName;
  t.deepEqual(nameOf({ auto_sni: true }), { header: null, isSni: true, isChecked: false });
  t.deepEqual(nameOf({ auto_sni: true, auto_san_validation: true, override_auto_sni_header: 'X-Server' }), {
    header: 'x-server',
    isSni: true,
    isChecked: true,
  });
  t.is(nameOf({ override_auto_sni_header: 'x-server' }), undefined, 'a header alone is for nothing');
  const older = { ...eds, upstream_http_protocol_options: { auto_san_validation: true } };
  t.deepEqual(modelOf('cluster', older).callName, { header: null, isSni: false, isChecked: true });
  t.deepEqual(warningsOf('cluster', typed({ auto_sni: true, override_auto_sni_header: ':authority' })), []);
  t.deepEqual(errorsOf('cluster', typed({ auto_sni: true, override_auto_sni_header: 'x server' })), [
    `typed_extension_protocol_options["${httpOptions}"].upstream_http_protocol_options.override_auto_sni_header: ` +
      'is not the name of a header',
  ]);
});

test('a keepalive without an interval asks for none, one without a timeout is rejected, and what is not done is named', (t) => {
  const cluster = (settings: object) => ({ ...eds, http2_protocol_options: { connection_keepalive: settings } });
  t.is(modelOf('cluster', cluster({ timeout: { seconds: 5 } })).connectionLife, undefined);
  t.deepEqual(errorsOf('cluster', cluster({ interval: { seconds: 30 } })), [
    'http2_protocol_options.connection_keepalive.timeout: required, and must be above 0',
  ]);
  const more = { ...keepalive, interval_jitter: { value: 10 }, connection_idle_interval: { seconds: 1 } };
  t.is(warningsOf('cluster', cluster(more)).length, 2);
});
