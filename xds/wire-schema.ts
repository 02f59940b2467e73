// The definitions of proto/ as the walk over a resource's bytes reads them (decode/unknown-fields.ts).
import { isWalked, type WireField, type WireMessage, type WireSchema } from './decode/unknown-fields.ts';
import type { DescribeMessage, FieldDescription } from './proto-descriptions.ts';

/** Each message is looked up once. A message without fields is only tested for its presence, so nothing is known of it. */
export function wireSchemaOf(describe: DescribeMessage): WireSchema {
  const known = new Map<string, WireMessage | null>();
  const read = (typeName: string): WireMessage | null => {
    const fields = isWalked(typeName) ? describe(typeName) : null;
    if (fields === null || fields.size === 0) return null;
    return new Map([...fields.values()].map((field) => [field.number, wireFieldOf(field)]));
  };
  return (typeName) => {
    let message = known.get(typeName);
    if (message === undefined) {
      message = read(typeName);
      // What is not defined has names without end, as type URLs do.
      if (message !== null || describe(typeName) !== null) known.set(typeName, message);
    }
    return message;
  };
}

function wireFieldOf({ name, type, isRepeated }: FieldDescription): WireField {
  const isMap = type.kind === 'map';
  const inner = isMap ? type.value : type;
  const typeName = inner.kind === 'message' && isWalked(inner.typeName) ? inner.typeName : null;
  return { name, isRepeated, typeName, isMap };
}
