// TLS of both roles (RFC 9113 section 9.2): TLS 1.2 or later, ALPN `h2` and nothing else. Secure contexts are made once
// for each configuration, not for each connection.
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  type ConnectionOptions,
  createSecureContext,
  createServer,
  type PeerCertificate,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import type { DownstreamTls, TlsCertificates, UpstreamTls } from '../../xds/model/address.ts';

const protocols = ['h2'];

/** What RFC 9113 appendix A leaves of TLS 1.2: forward secrecy and authenticated encryption. TLS 1.3 has its own three. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
].join(':');

/** RFC 9113 section 9.2.1. */
const noRenegotiation = constants.SSL_OP_NO_RENEGOTIATION;

/** TLS toward one kind of endpoint. Make it with `clientTls`. */
export interface ClientTls {
  readonly options: ConnectionOptions;
}

/** TLS toward the clients of one listener. Make it with `serverTls`. */
export interface ServerTls {
  /**
   * Makes the handshake on an accepted socket. `onSecure` gets a socket that speaks h2 and whose certificate, where one
   * is required, has been verified; `onFailed` a reason, after the socket has been destroyed. One of them, once.
   */
  secure(socket: Socket, onSecure: (socket: TLSSocket) => void, onFailed: (reason: string) => void): void;
}

/** @throws Error when the certificates or keys can't be read. */
export function clientTls(tls: UpstreamTls): ClientTls {
  const secureContext = createSecureContext(contextOptions(tls));
  const { sni, subjectAltNames } = tls;
  const options: ConnectionOptions = { secureContext, ALPNProtocols: protocols, rejectUnauthorized: true };
  if (sni !== null) options.servername = sni;
  // Without a name to check, the certificate's chain is what counts: names in a mesh are rarely those of DNS.
  if (subjectAltNames.length > 0)
    options.checkServerIdentity = (_, certificate) => checkNames(certificate, subjectAltNames);
  else if (sni === null) options.checkServerIdentity = () => undefined;
  return { options };
}

/**
 * @param handshakeTimeoutMs how long a client may take for it.
 * @throws Error when the certificates or keys can't be read.
 */
export function serverTls(tls: DownstreamTls, handshakeTimeoutMs: number): ServerTls {
  const server = createServer({
    ...contextOptions(tls),
    ALPNProtocols: protocols,
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: tls.requireClientCertificate,
    rejectUnauthorized: tls.requireClientCertificate,
    // A resumed session would carry the client's identity over without its certificate (CVE-2026-123872).
    secureOptions: noRenegotiation | (tls.requireClientCertificate ? constants.SSL_OP_NO_TICKET : 0),
  });
  return new TlsHandshakes(server);
}

/** A handshake that is being made. */
interface Handshake {
  readonly onSecure: (socket: TLSSocket) => void;
  failure: string;
}

class TlsHandshakes implements ServerTls {
  readonly #server: Server;
  /** By the four numbers of the TCP connection: what Node says of a handshake names the TLS socket only. */
  readonly #handshakes = new Map<string, Handshake>();

  constructor(server: Server) {
    this.#server = server;
    server.on('secureConnection', (secure) => this.#handshakes.get(keyOf(secure))?.onSecure(secure));
    server.on('tlsClientError', (error, secure) => {
      const handshake = this.#handshakes.get(keyOf(secure));
      if (handshake !== undefined) handshake.failure = error.message;
      secure.destroy();
    });
  }

  secure(socket: Socket, onSecure: (socket: TLSSocket) => void, onFailed: (reason: string) => void): void {
    const key = keyOf(socket);
    const handshake: Handshake = {
      failure: 'the client closed the connection',
      onSecure: (secure) => {
        if (secure.alpnProtocol !== 'h2') {
          handshake.failure = 'the client does not speak HTTP/2 over TLS (ALPN h2)';
          secure.destroy();
          return;
        }
        this.#handshakes.delete(key);
        onSecure(secure);
      },
    };
    this.#handshakes.set(key, handshake);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (this.#handshakes.get(key) !== handshake) return;
      this.#handshakes.delete(key);
      onFailed(handshake.failure);
    });
    this.#server.emit('connection', socket);
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function contextOptions(tls: TlsCertificates): SecureContextOptions {
  const options: SecureContextOptions = { minVersion: 'TLSv1.2', ciphers, secureOptions: noRenegotiation };
  if (tls.certificateChainPem !== null) options.cert = tls.certificateChainPem;
  if (tls.privateKeyPem !== null) options.key = tls.privateKeyPem;
  if (tls.trustedCaPem !== null) options.ca = tls.trustedCaPem;
  return options;
}

/** One of the names must be among the certificate's, as a URI or DNS name. */
function checkNames(certificate: PeerCertificate, names: readonly string[]): Error | undefined {
  const held = (certificate.subjectaltname ?? '').split(', ');
  const isNamed = names.some((name) => held.includes(`URI:${name}`) || held.includes(`DNS:${name}`));
  return isNamed ? undefined : new Error(`the server's certificate names none of ${names.join(', ')}`);
}
