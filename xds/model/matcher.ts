// What texts and fields are held against (envoy.type.matcher.v3, envoy.config.route.v3.HeaderMatcher).

export type StringMatch =
  | { readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains'; readonly value: string; readonly ignoreCase: boolean }
  | { readonly kind: 'regex'; readonly value: string };

export interface HeaderMatcher {
  /** Lower case; `:authority`, `:path` and `:method` may be named. */
  readonly name: string;
  /** `range` is start <= value < end on integers; `present` with `value: false` matches absence only. */
  readonly match:
    | StringMatch
    | { readonly kind: 'range'; readonly start: number; readonly end: number }
    | { readonly kind: 'present'; readonly value: boolean };
  readonly invert: boolean;
  readonly treatMissingAsEmpty: boolean;
}
