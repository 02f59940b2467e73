// What the messages of proto/ hold, by full name: from the descriptors that proto-loader makes, whose names of types are
// as their files spell them and have to be looked up from the inside out, as protoc does.
import type { AnyDefinition } from '@grpc/proto-loader';

export interface FieldDescription {
  /** As in its definition, `snake_case`. */
  readonly name: string;
  readonly number: number;
  readonly type: FieldType;
  readonly isRepeated: boolean;
}

export type FieldType =
  | { readonly kind: 'message'; readonly typeName: string }
  | { readonly kind: 'map'; readonly value: FieldType }
  /** Numbers by name. */
  | { readonly kind: 'enum'; readonly values: ReadonlyMap<string, number> }
  | { readonly kind: 'string' | 'bytes' | 'boolean' | 'integer' | 'number' };

/** The fields of a message by name; `null` where there is no such message. */
export type DescribeMessage = (typeName: string) => ReadonlyMap<string, FieldDescription> | null;

/** The part of google.protobuf.DescriptorProto that is read here. */
interface Descriptor {
  readonly name: string;
  readonly field: readonly {
    readonly name: string;
    readonly number: number;
    readonly label: string;
    readonly type: string;
    readonly typeName: string;
  }[];
  readonly nestedType: readonly Descriptor[];
  readonly enumType: readonly EnumDescriptor[];
  readonly options: { readonly mapEntry?: boolean } | null;
}

interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

/** `definitions` by full name of what stands directly in a file. */
export function describeMessages(definitions: Readonly<Record<string, AnyDefinition>>): DescribeMessage {
  const messages = new Map<string, Descriptor>();
  const enums = new Map<string, ReadonlyMap<string, number>>();
  const addEnum = (fullName: string, { value }: EnumDescriptor): void => {
    enums.set(fullName, new Map(value.map(({ name, number }) => [name, number])));
  };
  const addMessage = (fullName: string, descriptor: Descriptor): void => {
    messages.set(fullName, descriptor);
    for (const nested of descriptor.nestedType) addMessage(`${fullName}.${nested.name}`, nested);
    for (const nested of descriptor.enumType) addEnum(`${fullName}.${nested.name}`, nested);
  };
  for (const [fullName, definition] of Object.entries(definitions)) {
    // What proto-loader types as an object is a message of google/protobuf/descriptor.proto.
    if (definition['format'] === 'Protocol Buffer 3 DescriptorProto') {
      addMessage(fullName, definition['type'] as unknown as Descriptor);
    } else if (definition['format'] === 'Protocol Buffer 3 EnumDescriptorProto') {
      addEnum(fullName, definition['type'] as unknown as EnumDescriptor);
    }
  }

  function typeOf(owner: string, { type, typeName }: Descriptor['field'][number]): FieldType {
    if (type === 'TYPE_ENUM') return { kind: 'enum', values: lookUp(enums, owner, typeName)?.found ?? new Map() };
    if (type !== 'TYPE_MESSAGE') return { kind: scalars[type] ?? 'integer' };
    const message = lookUp(messages, owner, typeName);
    if (message === null) throw new Error(`proto/ has no message ${typeName}, which ${owner} names`);
    if (message.found.options?.mapEntry !== true) return { kind: 'message', typeName: message.fullName };
    const value = message.found.field.find(({ name }) => name === 'value');
    if (value === undefined) throw new Error(`${message.fullName} is no map`);
    return { kind: 'map', value: typeOf(message.fullName, value) };
  }

  const described = new Map<string, ReadonlyMap<string, FieldDescription>>();
  return (typeName) => {
    const known = described.get(typeName);
    const descriptor = messages.get(typeName);
    if (known !== undefined || descriptor === undefined) return known ?? null;
    const fields = new Map(
      descriptor.field.map((field): [string, FieldDescription] => {
        const type = typeOf(typeName, field);
        const isRepeated = field.label === 'LABEL_REPEATED' && type.kind !== 'map';
        return [field.name, { name: field.name, number: field.number, type, isRepeated }];
      }),
    );
    described.set(typeName, fields);
    return fields;
  };
}

const scalars: Readonly<Record<string, 'string' | 'bytes' | 'boolean' | 'number'>> = {
  TYPE_STRING: 'string',
  TYPE_BYTES: 'bytes',
  TYPE_BOOL: 'boolean',
  TYPE_DOUBLE: 'number',
  TYPE_FLOAT: 'number',
};

function lookUp<Found>(all: ReadonlyMap<string, Found>, owner: string, typeName: string) {
  if (typeName.startsWith('.')) return entryOf(all, typeName.slice(1));
  for (let scope = owner; scope !== ''; scope = scope.slice(0, Math.max(0, scope.lastIndexOf('.')))) {
    const entry = entryOf(all, `${scope}.${typeName}`);
    if (entry !== null) return entry;
  }
  return entryOf(all, typeName);
}

function entryOf<Found>(all: ReadonlyMap<string, Found>, fullName: string) {
  const found = all.get(fullName);
  return found === undefined ? null : { fullName, found };
}
