// JSON to google.protobuf.Struct.

/** `google.protobuf.Struct`. */
export interface StructMessage {
  readonly fields: Readonly<Record<string, ValueMessage>>;
}

/** `google.protobuf.Value`; exactly one property but `kind` is there. */
export interface ValueMessage {
  readonly kind?: string;
  readonly nullValue?: 'NULL_VALUE' | 0;
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: StructMessage;
  readonly listValue?: { readonly values: readonly ValueMessage[] };
}

/** `undefined` members are left out. */
export function toStruct(json: Readonly<Record<string, unknown>>): StructMessage {
  const fields: Record<string, ValueMessage> = Object.create(null);
  for (const [key, value] of Object.entries(json)) if (value !== undefined) fields[key] = toValue(value);
  return { fields };
}

function toValue(json: unknown): ValueMessage {
  if (typeof json === 'string') return { stringValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'boolean') return { boolValue: json };
  if (Array.isArray(json)) return { listValue: { values: json.map(toValue) } };
  if (typeof json === 'object' && json !== null) return { structValue: toStruct(json as Record<string, unknown>) };
  return { nullValue: 0 };
}
