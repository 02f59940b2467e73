// TLS of both roles, as the data plane carries it out, and what of it is still to be filled in. Plain data.
import type { AdsMode } from './bootstrap.ts';
import type { StringMatch } from './matcher.ts';

/** Certificates of one TLS endpoint, PEM text. Absent parts are `null`. */
export interface TlsCertificates {
  readonly certificateChainPem: string | null;
  readonly privateKeyPem: string | null;
  /** The roots a peer's certificate must lead to. `null`: the platform's own roots. */
  readonly trustedCaPem: string | null;
  /** What is to be filled in from secrets before the data plane gets it; absent: nothing. */
  readonly secrets?: TlsSecrets;
}

/** One of the two is there at least. */
export interface TlsSecrets {
  readonly certificate: SecretReference | null;
  readonly validation: SecretReference | null;
}

export interface SecretReference {
  readonly name: string;
  readonly source: SecretSource;
}

/** Where a secret comes from. */
export type SecretSource =
  /** The stream that the resource itself came by. */
  | { readonly kind: 'ads' }
  /** A server of secrets of its own: a static cluster of the bootstrap by name, or a gRPC target. */
  | { readonly kind: 'cluster' | 'target'; readonly name: string; readonly mode: AdsMode }
  /** A certificate provider of the bootstrap (gRFC A29), whose name is the reference's: its certificate, or its roots. */
  | { readonly kind: 'provider'; readonly part: 'certificate' | 'roots' };

/** Equal for equal references; what errors and `/config_dump` call them. */
export function formatReference({ name, source }: SecretReference): string {
  if (source.kind === 'provider') return `the ${source.part} of certificate provider "${name}"`;
  return source.kind === 'ads' ? `secret "${name}"` : `secret "${name}" of ${source.name}`;
}

/** A name in a certificate; `any`: of whatever kind. */
export interface SubjectAltName {
  readonly kind: 'dns' | 'uri' | 'email' | 'ip' | 'any';
  readonly match: StringMatch;
}

/** TLS toward clients (`DownstreamTlsContext`). ALPN is always `h2`. */
export interface DownstreamTls extends TlsCertificates {
  /** A client without a certificate is turned away. Where there are roots, one that shows a bad one always is. */
  readonly requireClientCertificate: boolean;
  /** Of which a client's certificate must carry one. Absent: whatever the roots have signed will do. */
  readonly subjectAltNames?: readonly SubjectAltName[];
}

/** TLS toward endpoints (`UpstreamTlsContext`). */
export interface UpstreamTls extends TlsCertificates {
  /** Server name to ask for; `null`: none is sent. */
  readonly sni: string | null;
  /** Of which the server's certificate must carry one; empty: see `nameCheck`. */
  readonly subjectAltNames: readonly SubjectAltName[];
  /**
   * `alpn_protocols` beside `h2`: offered before it, by which servers choose how they serve (Istio's `istio`); what is
   * spoken is `h2` all the same. Absent: none.
   */
  readonly alpn?: readonly string[];
  /** `auto_host_sni`: the host name of an endpoint, where it has one, goes before `sni`. Absent: it does not. */
  readonly hostnameIsSni?: true;
  /**
   * What counts besides the chain. `sni`: the name that was asked for, whatever `subjectAltNames` are
   * (`auto_sni_san_validation`). `chain`: nothing, where there are no `subjectAltNames`. Absent: without
   * `subjectAltNames` the name that was asked for.
   */
  readonly nameCheck?: 'sni' | 'chain';
  /**
   * Of certificates that were filled in from secrets: which secrets. Where they change, connections that are open stay,
   * and only new ones show and ask for the new certificates, as in Envoy. Absent: another certificate is another way to
   * reach an endpoint, with connections of its own.
   */
  readonly identity?: string;
}
