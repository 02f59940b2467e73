// TLS of both roles (RFC 9113 section 9.2): TLS 1.2 or later, ALPN `h2` and nothing else. Secure contexts are made once
// for each configuration, not for each connection.
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import type { DownstreamTls, TlsCertificates, UpstreamTls } from '../../xds/model/tls.ts';

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
   * Makes the handshake on an accepted socket. `onSecure` gets a socket that speaks h2 (or HTTP/1.1, where browsers are
   * served) and whose certificate, where one
   * is required, has been verified; `onFailed` a reason, after the socket has been destroyed. One of them, once.
   */
  secure(socket: Socket, onSecure: (socket: TLSSocket) => void, onFailed: (reason: string) => void): void;
}

/** Why a certificate with these names (`DNS:a, URI:b`) is not taken, as a clause; `null`: it is. */
export type NameCheck = (subjectAltName: string) => string | null;

/**
 * @param checkNames what `subjectAltNames` ask for; `null`: they are empty.
 * @throws Error when the certificates or keys can't be read.
 */
export function clientTls(tls: UpstreamTls, checkNames: NameCheck | null): ClientTls {
  return { options: connectionOptions(tls, checkNames, createSecureContext(contextOptions(tls))) };
}

/** The name of the server that a call is for. */
export interface CalledServer {
  readonly host: string;
  /** It must be in the server's certificate, besides all else that counts. */
  readonly isChecked: boolean;
}

/**
 * The same as `base`, which is of the same certificates, for calls of one server.
 * @param tls its `sni` is what that server is asked for.
 */
export function clientTlsFor(
  base: ClientTls,
  tls: UpstreamTls,
  checkNames: NameCheck | null,
  { host, isChecked }: CalledServer,
): ClientTls {
  const options = connectionOptions(tls, checkNames, base.options.secureContext!);
  if (!isChecked) return { options };
  const { checkServerIdentity: check = checkServerIdentity } = options;
  const checkBoth: typeof check = (name, certificate) => {
    // A common name is no name of a server (RFC 9525 section 6.3).
    if (certificate.subjectaltname === undefined) return new Error('its certificate names no server');
    return check(name, certificate) ?? checkServerIdentity(host, certificate);
  };
  return { options: { ...options, checkServerIdentity: checkBoth } };
}

function connectionOptions(
  tls: UpstreamTls,
  checkNames: NameCheck | null,
  secureContext: SecureContext,
): ConnectionOptions {
  const { sni, nameCheck, alpn = [] } = tls;
  const options: ConnectionOptions = {
    secureContext,
    ALPNProtocols: [...alpn, ...protocols],
    rejectUnauthorized: true,
  };
  if (sni !== null) options.servername = sni;
  if (nameCheck === 'sni') return options;
  if (checkNames !== null) {
    options.checkServerIdentity = (_, { subjectaltname = '' }) => {
      const refusal = checkNames(subjectaltname);
      return refusal === null ? undefined : new Error(refusal);
    };
  } else if (sni === null || nameCheck === 'chain') {
    // Without a name to check, the certificate's chain is what counts: names in a mesh are rarely those of DNS.
    options.checkServerIdentity = () => undefined;
  }
  return options;
}

/**
 * @param checkNames what the `subjectAltNames` of clients ask for; `null`: they are empty.
 * @param handshakeTimeoutMs how long a client may take for it.
 * @param servesBrowsers HTTP/1.1 is spoken too, also with clients that know no ALPN.
 * @throws Error when the certificates or keys can't be read.
 */
export function serverTls(
  tls: DownstreamTls,
  checkNames: NameCheck | null,
  handshakeTimeoutMs: number,
  servesBrowsers = false,
): ServerTls {
  const { requireClientCertificate } = tls;
  const isAsked = requireClientCertificate || tls.trustedCaPem !== null;
  const server = createServer({
    ...contextOptions(tls),
    ALPNProtocols: servesBrowsers ? [...protocols, 'http/1.1'] : protocols,
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: isAsked,
    rejectUnauthorized: requireClientCertificate,
    // A resumed session would carry the client's identity over without its certificate (CVE-2026-123872).
    secureOptions: noRenegotiation | (isAsked ? constants.SSL_OP_NO_TICKET : 0),
  });
  return new TlsHandshakes(server, (secure) => {
    if (secure.alpnProtocol !== 'h2' && !servesBrowsers) return 'the client does not speak HTTP/2 over TLS (ALPN h2)';
    return isAsked ? clientRefusal(secure, checkNames) : null;
  });
}

/** Why a client is turned away after a handshake that was good; one that shows nothing got so far because it may. */
function clientRefusal(secure: TLSSocket, checkNames: NameCheck | null): string | null {
  const certificate = secure.getPeerX509Certificate();
  if (certificate === undefined) return null;
  if (!secure.authorized) return `the client's certificate is not trusted: ${String(secure.authorizationError)}`;
  const refusal = checkNames === null ? null : checkNames(certificate.subjectAltName ?? '');
  return refusal === null ? null : `the client is refused: ${refusal}`;
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
  readonly #refusalOf: (secure: TLSSocket) => string | null;

  constructor(server: Server, refusalOf: (secure: TLSSocket) => string | null) {
    this.#server = server;
    this.#refusalOf = refusalOf;
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
        const refusal = this.#refusalOf(secure);
        if (refusal !== null) {
          handshake.failure = refusal;
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
