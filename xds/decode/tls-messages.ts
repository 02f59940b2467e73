// The decoded form of envoy.extensions.transport_sockets.tls.v3 (conventions: core-messages.ts).
import type {
  ConfigSourceMessage,
  DataSourceMessage,
  EnumValue,
  StringMatcherMessage,
  Wrapped,
} from './core-messages.ts';

export interface UpstreamTlsContextMessage {
  readonly common_tls_context: CommonTlsContextMessage | null;
  readonly sni: string;
  readonly auto_host_sni: boolean;
  readonly auto_sni_san_validation: boolean;
}

export interface DownstreamTlsContextMessage {
  readonly common_tls_context: CommonTlsContextMessage | null;
  readonly require_client_certificate: Wrapped<boolean>;
  readonly require_sni: Wrapped<boolean>;
}

export interface CommonTlsContextMessage {
  readonly alpn_protocols: readonly string[];
  readonly tls_certificates: readonly TlsCertificateMessage[];
  readonly tls_certificate_sds_secret_configs: readonly SdsSecretConfigMessage[];
  readonly tls_certificate_provider_instance: ProviderInstanceMessage | null;
  readonly tls_certificate_certificate_provider_instance: ProviderInstanceMessage | null;
  readonly validation_context?: CertificateValidationContextMessage;
  readonly validation_context_sds_secret_config?: SdsSecretConfigMessage;
  readonly validation_context_certificate_provider_instance?: ProviderInstanceMessage;
  readonly combined_validation_context?: {
    readonly default_validation_context: CertificateValidationContextMessage | null;
    readonly validation_context_sds_secret_config: SdsSecretConfigMessage | null;
    readonly validation_context_certificate_provider_instance: ProviderInstanceMessage | null;
  };
}

/** `certificate_name` says something to providers that have several; files have one. */
export interface ProviderInstanceMessage {
  readonly instance_name: string;
}

export interface TlsCertificateMessage {
  readonly certificate_chain: DataSourceMessage | null;
  readonly private_key: DataSourceMessage | null;
  readonly password: DataSourceMessage | null;
}

export interface CertificateValidationContextMessage {
  readonly trusted_ca: DataSourceMessage | null;
  readonly ca_certificate_provider_instance: ProviderInstanceMessage | null;
  readonly system_root_certs: object | null;
  readonly verify_certificate_spki: readonly string[];
  readonly verify_certificate_hash: readonly string[];
  readonly match_typed_subject_alt_names: readonly {
    readonly san_type: EnumValue;
    readonly matcher: StringMatcherMessage | null;
  }[];
  readonly match_subject_alt_names: readonly StringMatcherMessage[];
  readonly crl: DataSourceMessage | null;
  readonly allow_expired_certificate: boolean;
  readonly trust_chain_verification: EnumValue;
  readonly custom_validator_config: object | null;
}

export interface SdsSecretConfigMessage {
  readonly name: string;
  readonly sds_config: ConfigSourceMessage | null;
}

export interface SecretMessage {
  readonly name: string;
  readonly tls_certificate?: TlsCertificateMessage;
  readonly session_ticket_keys?: object;
  readonly validation_context?: CertificateValidationContextMessage;
  readonly generic_secret?: object;
}
