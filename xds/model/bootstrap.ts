// How the client gets to its control planes and who it is there: plain data, whatever file it was read from
// (xds/bootstrap.ts, xds/envoy-bootstrap.ts, a preset).

export interface Bootstrap {
  /** In order of preference; one at least. */
  readonly servers: readonly ServerConfig[];
  readonly node: NodeIdentity;
  /** Other control planes for names of the form `xdstp://authority/...` (gRFC A47). Absent: none. */
  readonly authorities?: Readonly<Record<string, Authority>>;
  /** Name of the listener of a target, `%s` stands for the target (gRFC A47). Absent: `%s`. */
  readonly clientListenerTemplate?: string;
  /** Sources of certificates that resources name (gRFC A29). Absent: none. */
  readonly certificateProviders?: Readonly<Record<string, CertificateProvider>>;
  /** Servers that secrets may be asked of, by the name that resources give them (a static cluster). Absent: none. */
  readonly secretServers?: Readonly<Record<string, ServerConfig>>;
  /**
   * Secrets that are files here, and are not asked of such a server: by its name, then by theirs. Names that say themselves
   * which files they are (Istio's `file-cert:`, `file-root:`) need no entry. Absent: none.
   */
  readonly secretFiles?: Readonly<Record<string, Readonly<Record<string, TlsFiles>>>>;
  /** Types of which the servers are asked for everything, beside a file that has some of them. Absent: both. */
  readonly asksForAll?: readonly ('listener' | 'cluster')[];
  /** Our own certificate, where an authority is to sign it, and nothing else has it. Absent: nobody does. */
  readonly workloadCertificate?: WorkloadCertificate;
}

/** A certificate that is issued to us, and the roots by which others' are checked. */
export interface WorkloadCertificate {
  /** Who signs it (`istio.v1.auth.IstioCertificateService`). */
  readonly authority: ServerConfig;
  /** Roots for an answer that has none; `null`: there are none. */
  readonly roots: PemSource | null;
  /** `spiffe://trust.domain/path`. */
  readonly identity: string;
  /** Asked for; the authority decides. */
  readonly lifetimeMs: number;
  /** The part of its life that is left when the next one is asked for: 0 to 1. */
  readonly graceRatio: number;
  /** The server of secrets in whose place it is, and the names that its two secrets have there. */
  readonly secretServer: string;
  readonly certificateName: string;
  readonly rootsName: string;
  /** The certificate provider in whose place it is. */
  readonly provider: string;
}

export interface Authority {
  /** Empty: those of the bootstrap. */
  readonly servers: readonly ServerConfig[];
  /** `%s` stands for the target, percent-encoded. */
  readonly clientListenerTemplate: string;
}

export interface ServerConfig {
  /** A gRPC target: `host:port`, `dns:///host:port`, `unix:/path`. */
  readonly serverUri: string;
  readonly credentials: ServerCredentials;
  /** As written; those that we do not know have no effect. */
  readonly features: readonly string[];
  /** How ADS is spoken; `xds_mode`, a key of ours. Absent: `auto`. */
  readonly mode?: AdsModePolicy;
  /** Sent with each stream. Absent: none. */
  readonly metadata?: readonly MetadataSource[];
  /** Idle time after which a ping asks whether the server is still there. Absent: 5 minutes. */
  readonly keepaliveMs?: number;
}

export type AdsMode = 'delta' | 'sotw';

/** `auto`: delta first; state of the world where the server says that it has no delta. */
export type AdsModePolicy = AdsMode | 'auto';

export type ServerCredentials =
  | { readonly kind: 'insecure' }
  | ({
      readonly kind: 'tls';
      /** Asked for by SNI, and the name that the certificate must have. Absent: the host of the server's target. */
      readonly serverName?: string;
      /** Names (DNS or URI) of which the certificate must have one, in place of the server's name. Absent: none. */
      readonly subjectAltNames?: readonly string[];
    } & TlsFiles);

/** Files that are read again and again (`file_watcher`). */
export interface CertificateProvider extends TlsFiles {
  readonly refreshMs: number;
}

/** PEM. Files are read again for each connection, so that renewed ones count. */
export interface TlsFiles {
  /** `null`: the platform's roots. */
  readonly ca: PemSource | null;
  /** What we show of ourselves; `null`: nothing. */
  readonly identity: { readonly certificate: PemSource; readonly privateKey: PemSource } | null;
}

export type PemSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'inline'; readonly pem: string };

/** A header of the stream. The key is in lower case. */
export type MetadataSource =
  | { readonly kind: 'value'; readonly key: string; readonly value: string }
  /** The file's text without white space at its ends, behind `prefix`; read again for each stream. */
  | { readonly kind: 'file'; readonly key: string; readonly prefix: string; readonly path: string };

/** Who we are for the server. */
export interface NodeIdentity {
  readonly id: string;
  readonly cluster: string;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  /** JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Absent: our own name and version. */
  readonly userAgent?: { readonly name: string; readonly version: string };
}

/** `warnings`: what has no effect here, `field path: text` each. */
export type ParsedBootstrap =
  | { readonly bootstrap: Bootstrap; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] };
