// Where a proxy of the library listens, as its caller writes it; and the listener that this describes.
import { resolve } from 'node:path';
import type { SocketAddress } from '../../xds/model/address.ts';
import type { Listener } from '../../xds/model/listener.ts';
import type { DownstreamTls } from '../../xds/model/tls.ts';

export type ListenOptions =
  | {
      /** 0 takes any free one. */
      readonly port: number;
      /** An IP address of this machine. Default: all of them. */
      readonly host?: string;
      /** Default: clear text. */
      readonly tls?: ListenTls;
      readonly path?: never;
    }
  | {
      /** Of a Unix domain socket, which is made. */
      readonly path: string;
      readonly port?: never;
      readonly host?: never;
      readonly tls?: never;
    };

/** TLS 1.2 or later, ALPN `h2`. PEM. */
export interface ListenTls {
  /** The certificate, and those between it and its root. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** Clients have to show a certificate that comes from these roots. Default: they are asked for none. */
  readonly ca?: string | Uint8Array;
}

/** @throws TypeError or RangeError that names what is wrong. */
export function createListenerResource(name: string, options: ListenOptions): Listener {
  return {
    name,
    address: addressOf(options),
    direction: 'inbound',
    filterChains: [
      {
        name: '',
        match: null,
        tls: options.tls === undefined ? null : downstreamTls(options.tls),
        http: {
          statPrefix: name,
          // Its director is asked in their place.
          routes: { kind: 'rds', name: '' },
          filters: [],
          maxStreamDurationMs: null,
          maxConcurrentStreams: null,
        },
      },
    ],
    unusableChains: [],
    defaultFilterChain: null,
  };
}

function addressOf({ path, port, host = '::', tls }: ListenOptions): SocketAddress {
  if (path === undefined) {
    if (Number.isInteger(port) && port >= 0 && port <= 65_535) return { host, port };
    throw new RangeError(`port has to be a whole number from 0 to 65535, but is ${port}`);
  }
  if (tls !== undefined) throw new TypeError('a Unix domain socket is served in clear text: leave tls out');
  if (path === '') throw new TypeError('path has to name the socket');
  return { host: resolve(path), port: 0 };
}

function downstreamTls({ cert, key, ca }: ListenTls): DownstreamTls {
  return {
    certificateChainPem: pemOf(cert),
    privateKeyPem: pemOf(key),
    trustedCaPem: ca === undefined ? null : pemOf(ca),
    requireClientCertificate: ca !== undefined,
  };
}

function pemOf(pem: string | Uint8Array): string {
  return typeof pem === 'string' ? pem : Buffer.from(pem).toString('utf8');
}
