// envoy.extensions.upstreams.http.v3.HttpProtocolOptions of a cluster, or else the older fields that it has replaced.
import type { CallName } from '../model/cluster.ts';
import type { ConnectionLife } from '../model/connection-life.ts';
import type { ClusterMessage } from './cluster-messages.ts';
import { decodeConnectionLife } from './connection-life.ts';
import type { UpstreamNameOptionsMessage } from './core-messages.ts';
import { type DecodeContext, readAny } from './decode-context.ts';
import type { Scope } from './validation.ts';

const httpOptionsType = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** `null` where nothing is said. */
export interface HttpOptions {
  readonly connectionLife: ConnectionLife | null;
  readonly callName: CallName | null;
}

export function decodeHttpOptions(context: DecodeContext, message: ClusterMessage, scope: Scope): HttpOptions {
  const any = message.typed_extension_protocol_options[httpOptionsType];
  if (any === undefined) {
    const { http2_protocol_options: http2, upstream_http_protocol_options: names } = message;
    return {
      connectionLife: decodeConnectionLife(null, scope, http2, scope.at('http2_protocol_options')),
      callName: decodeCallName(names, scope.at('upstream_http_protocol_options')),
    };
  }
  const at = scope.at(`typed_extension_protocol_options["${httpOptionsType}"]`);
  const options = readAny(context, httpOptionsType, any, at);
  if (options === null) return { connectionLife: null, callName: null };
  const common = options.common_http_protocol_options;
  const kinds = ['explicit_http_config', 'use_downstream_protocol_config', 'auto_config'] as const;
  const kind = kinds.find((name) => options[name]?.http2_protocol_options);
  const http2 = kind === undefined ? null : (options[kind]?.http2_protocol_options ?? null);
  const http2At = kind === undefined ? at : at.at(`${kind}.http2_protocol_options`);
  return {
    connectionLife: decodeConnectionLife(common, at.at('common_http_protocol_options'), http2, http2At),
    callName: decodeCallName(options.upstream_http_protocol_options, at.at('upstream_http_protocol_options')),
  };
}

/** A header without anything that its value is for says nothing, as in Envoy. */
function decodeCallName(message: UpstreamNameOptionsMessage | null, scope: Scope): CallName | null {
  if (message === null) return null;
  const header = message.override_auto_sni_header.toLowerCase();
  if (!/^(?::?[-!#$%&'*+.^_`|~0-9a-z]+)?$/.test(header)) {
    scope.at('override_auto_sni_header').fail('is not the name of a header');
  }
  if (!message.auto_sni && !message.auto_san_validation) return null;
  return {
    header: header === '' ? null : header,
    isSni: message.auto_sni,
    isChecked: message.auto_san_validation,
  };
}
