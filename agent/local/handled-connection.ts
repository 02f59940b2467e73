// The connection of a call that a grpc-js server has taken, as far as it tells anything of that: who calls.
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { formatAddress } from '../../xds/model/address.ts';
import { plainAddress } from '../grpc/address-range.ts';
import { type Connection, identityOfCertificate } from '../http2/index.ts';

/** What a server call tells of its connection. */
export interface ServerPeer {
  getPeer(): string;
  getAuthContext?(): { readonly transportSecurityType?: string; readonly sslPeerCertificate?: PeerCertificate };
}

const nothingOpen = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, streamsOpened: 0, limitsHit: {} } as const;
const nobody = { subject: null, sans: [], fingerprint: '' } as const;

export function handledConnection(call: ServerPeer): Connection {
  // The server tells of TLS only where it has verified its client.
  const { transportSecurityType, sslPeerCertificate: certificate } = call.getAuthContext?.() ?? {};
  const who = certificate === undefined ? nobody : identityOfCertificate(new X509Certificate(certificate.raw));
  return {
    role: 'server',
    state: 'open',
    peer: peerOf(call.getPeer()),
    identity: {
      localAddress: 'unknown:0',
      destination: null,
      alpn: transportSecurityType === 'ssl' ? 'h2' : null,
      serverName: '',
      ...who,
    },
    room: 0,
    activeStreams: 1,
    stats: nothingOpen,
    ending: null,
    // The server bounds what its connections hold, and one call here no more than its window.
    keepsMuch: false,
    keep: () => {},
    oversizeOf: () => null,
    openStream: () => {
      throw new Error('a server takes streams and opens none');
    },
    drain: () => {},
    ping: () => {},
    destroy: () => {},
  };
}

/** The server writes `host:port`, and IPv6 without brackets; or `unknown`. */
function peerOf(text: string): string {
  const at = text.lastIndexOf(':');
  return at === -1
    ? 'unknown:0'
    : formatAddress({ host: plainAddress(text.slice(0, at)), port: Number(text.slice(at + 1)) });
}
