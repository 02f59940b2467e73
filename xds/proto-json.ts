// The JSON of protobuf (protobuf.dev/programming-guides/json) to messages, as proto-loader takes them. Every problem is
// told with its field path; so is each field that has no definition here: valid for Envoy, and not carried out by us.
import { toStruct, type ValueMessage } from './encode/struct.ts';
import { fieldOf, isAbsent, type Json, type JsonReader, snakeCase } from './json-reader.ts';
import type { DescribeMessage, FieldType } from './proto-descriptions.ts';

export interface JsonMessageOptions {
  readonly describe: DescribeMessage;
  readonly pack: (typeName: string, message: object) => { readonly type_url: string; readonly value: Uint8Array };
  readonly reader: JsonReader;
  /** What stands in for the JSON of a message, before it is read. */
  readonly adjust: (typeName: string, json: Json, path: string) => Json;
}

/** After a problem was noted the result does not matter. */
export function messageFromJson(
  options: JsonMessageOptions,
  typeName: string,
  json: unknown,
  path: string,
): Readonly<Record<string, unknown>> {
  const { describe, reader, adjust } = options;
  const given = reader.object(json, path);
  const fields = describe(typeName);
  if (given === null || fields === null) return {};
  const adjusted = adjust(typeName, given, path);
  const message: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(adjusted)) {
    if (isAbsent(value) || key === '@type') continue;
    const field = fields.get(snakeCase(key));
    const at = path === '' ? key : `${path}.${key}`;
    if (field === undefined) reader.warn(at, 'not supported');
    else if (!field.isRepeated) message[field.name] = valueFromJson(options, field.type, value, at);
    else {
      const items = reader.list(value, at);
      message[field.name] = items.map((item, index) => valueFromJson(options, field.type, item, `${at}[${index}]`));
    }
  }
  return message;
}

function valueFromJson(options: JsonMessageOptions, type: FieldType, json: unknown, path: string): unknown {
  const { reader } = options;
  switch (type.kind) {
    case 'message':
      return knownFromJson(options, type.typeName, json, path);
    case 'map': {
      const entries = Object.entries(reader.object(json, path) ?? {});
      const read = ([key, value]: [string, unknown]) => [
        key,
        valueFromJson(options, type.value, value, `${path}[${JSON.stringify(key)}]`),
      ];
      return Object.fromEntries(entries.map(read));
    }
    case 'enum': {
      if (typeof json === 'number') return json;
      const value = typeof json === 'string' ? type.values.get(json) : undefined;
      if (value === undefined) {
        reader.problem(path, `unknown value ${JSON.stringify(json)} (known: ${[...type.values.keys()].join(', ')})`);
      }
      return value ?? 0;
    }
    case 'string':
      return reader.string(json, path);
    case 'bytes':
      return Buffer.from(reader.string(json, path), 'base64');
    case 'boolean':
      if (typeof json !== 'boolean') reader.problem(path, 'must be true or false');
      return json === true;
    case 'integer':
    case 'number': {
      const value = typeof json === 'string' && json.trim() !== '' ? Number(json) : json;
      const isFit = type.kind === 'integer' ? Number.isInteger(value) : Number.isFinite(value);
      if (!isFit) reader.problem(path, type.kind === 'integer' ? 'must be a whole number' : 'must be a number');
      return isFit ? value : 0;
    }
  }
}

const wrapperOf: Readonly<Record<string, FieldType['kind'] & ('boolean' | 'integer' | 'number' | 'string' | 'bytes')>> =
  {
    'google.protobuf.BoolValue': 'boolean',
    'google.protobuf.UInt32Value': 'integer',
    'google.protobuf.Int32Value': 'integer',
    'google.protobuf.UInt64Value': 'integer',
    'google.protobuf.Int64Value': 'integer',
    'google.protobuf.DoubleValue': 'number',
    'google.protobuf.FloatValue': 'number',
    'google.protobuf.StringValue': 'string',
    'google.protobuf.BytesValue': 'bytes',
  };

/** A message, or one of those that have a JSON of their own. */
function knownFromJson(options: JsonMessageOptions, typeName: string, json: unknown, path: string): unknown {
  const { reader } = options;
  const wrapped = wrapperOf[typeName];
  if (wrapped !== undefined) return { value: valueFromJson(options, { kind: wrapped }, json, path) };
  switch (typeName) {
    case 'google.protobuf.Any':
      return anyFromJson(options, json, path);
    case 'google.protobuf.Duration': {
      const ms = reader.durationMs(json, path) ?? 0;
      return { seconds: Math.floor(ms / 1000), nanos: Math.round((ms % 1000) * 1e6) };
    }
    case 'google.protobuf.Struct':
      return toStruct(reader.object(json, path) ?? {});
    case 'google.protobuf.Value':
      return toStruct({ value: json }).fields['value'] satisfies ValueMessage | undefined;
    default:
      return messageFromJson(options, typeName, json, path);
  }
}

/** One whose type we do not know keeps its name: whoever reads it says that it is not supported. */
function anyFromJson(options: JsonMessageOptions, json: unknown, path: string): unknown {
  const { reader, describe, pack } = options;
  const given = reader.object(json, path) ?? {};
  const typeUrl = reader.requiredString(given['@type'], `${path}.@type`);
  const typeName = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  if (describe(typeName) === null) return { type_url: typeUrl, value: Buffer.alloc(0) };
  const hasOwnJson = typeName in wrapperOf || typeName.startsWith('google.protobuf.');
  const message = knownFromJson(options, typeName, hasOwnJson ? fieldOf(given, 'value') : given, path);
  // What there are problems with may not fit the message.
  if (reader.problems.length > 0) return { type_url: typeUrl, value: Buffer.alloc(0) };
  return { type_url: typeUrl, value: pack(typeName, message as object).value };
}
