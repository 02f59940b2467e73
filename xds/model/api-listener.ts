// A listener without a port (envoy.config.listener.v3.Listener.api_listener): what a proxyless gRPC client asks for by
// the name in its `xds:///name` target (gRFC A27). As the embedded control plane makes them.
import type { HttpConnectionManager } from './listener.ts';

export interface ApiListener {
  readonly name: string;
  readonly http: HttpConnectionManager;
}
