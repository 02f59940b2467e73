// Changes of a call's fields that a route configuration asks for (envoy.config.core.v3.HeaderValueOption), at each of its
// levels.

/** What one level does; removal comes first. Names are lower case, never pseudo-fields or `host`. */
export interface HeaderMutations {
  readonly requestRemove: readonly string[];
  readonly requestAdd: readonly HeaderAddition[];
  readonly responseRemove: readonly string[];
  readonly responseAdd: readonly HeaderAddition[];
}

export interface HeaderAddition {
  readonly name: string;
  readonly value: HeaderFormat;
  /**
   * `append` adds one more field of the name; `overwrite` replaces all there are, or adds one; `join` makes one of all
   * there are and this, with commas between, which no xDS message can say.
   */
  readonly action: 'append' | 'add-if-absent' | 'overwrite' | 'overwrite-if-present' | 'join';
  /** Without it a field whose value turns out empty is left out. */
  readonly keepEmpty: boolean;
}

/** Text and what takes its place in each call, in order. */
export type HeaderFormat = readonly (string | FormatCommand)[];

export type FormatCommand =
  /** `%REQ(name?alternative):maxLength%` and `%RESP(…)%`: the first value of the field, or of the alternative, or nothing. */
  | {
      readonly kind: 'request-field' | 'response-field';
      readonly name: string;
      readonly alternative: string | null;
      readonly maxLength: number | null;
    }
  | { readonly kind: FactOfCall };

/**
 * `downstream-certificate` is an element of `x-forwarded-client-cert`, and no command. The others:
 * `%DOWNSTREAM_REMOTE_ADDRESS%`, `%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%`, `%DOWNSTREAM_PEER_URI_SAN%`,
 * `%DOWNSTREAM_PEER_DNS_SAN%`, `%UPSTREAM_HOST%`, `%UPSTREAM_CLUSTER%`, `%ROUTE_NAME%`, `%PROTOCOL%`, `%RESPONSE_CODE%`.
 */
export type FactOfCall =
  | 'downstream-address'
  | 'downstream-ip'
  | 'downstream-uri-san'
  | 'downstream-dns-san'
  | 'downstream-certificate'
  | 'upstream-address'
  | 'cluster'
  | 'route'
  | 'protocol'
  | 'response-code';
