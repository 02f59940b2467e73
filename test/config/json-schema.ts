// As much of JSON Schema (draft 7) as our schema uses; a keyword that is not known here throws, so that none goes unchecked.
import { isDeepStrictEqual } from 'node:util';

type Schema = Readonly<Record<string, unknown>>;

const notes = new Set(['$schema', 'title', 'description', 'definitions']);

/** Where `value` breaks the schema, as paths; empty: it is valid. */
export function schemaProblems(root: Schema, value: unknown): string[] {
  return check(root, root, value, '');
}

function check(root: Schema, schema: Schema, value: unknown, path: string): string[] {
  return Object.entries(schema).flatMap(([keyword, rule]): string[] => {
    if (notes.has(keyword)) return [];
    const holds = (other: unknown, at = value): boolean => check(root, other as Schema, at, path).length === 0;
    const fail = (isSo: boolean): string[] => (isSo ? [] : [`${path}: ${keyword}`]);
    const members = isObject(value) ? Object.entries(value) : [];
    switch (keyword) {
      case '$ref':
        return check(root, definition(root, String(rule)), value, path);
      case 'type':
        return fail([rule].flat().some((type) => isOfType(value, String(type))));
      case 'enum':
        return fail((rule as unknown[]).includes(value));
      case 'const':
        return fail(isDeepStrictEqual(value, rule));
      case 'pattern':
        return fail(typeof value !== 'string' || new RegExp(String(rule), 'u').test(value));
      case 'minimum':
        return fail(typeof value !== 'number' || value >= Number(rule));
      case 'maximum':
        return fail(typeof value !== 'number' || value <= Number(rule));
      case 'minItems':
        return fail(!Array.isArray(value) || value.length >= Number(rule));
      case 'minProperties':
        return fail(!isObject(value) || members.length >= Number(rule));
      case 'maxProperties':
        return fail(members.length <= Number(rule));
      case 'required':
        return (rule as string[]).flatMap((name) => fail(!isObject(value) || Object.hasOwn(value, name)));
      case 'dependencies':
        return Object.entries(rule as Record<string, string[]>).flatMap(([name, others]) =>
          fail(!isObject(value) || !Object.hasOwn(value, name) || others.every((other) => Object.hasOwn(value, other))),
        );
      case 'items':
        return Array.isArray(value)
          ? value.flatMap((item, index) => check(root, rule as Schema, item, `${path}[${index}]`))
          : [];
      case 'properties':
        return members.flatMap(([name, member]) => {
          const own = (rule as Record<string, Schema>)[name];
          return own === undefined ? [] : check(root, own, member, `${path}.${name}`);
        });
      case 'additionalProperties':
        return members.flatMap(([name, member]) => {
          if (Object.hasOwn((schema['properties'] ?? {}) as object, name)) return [];
          return rule === false ? [`${path}.${name}: unknown`] : check(root, rule as Schema, member, `${path}.${name}`);
        });
      case 'propertyNames':
        return members.flatMap(([name]) => check(root, rule as Schema, name, `${path}.${name}`));
      case 'allOf':
        return (rule as Schema[]).flatMap((other) => check(root, other, value, path));
      case 'anyOf':
        return fail((rule as Schema[]).some((other) => holds(other)));
      case 'oneOf':
        return fail((rule as Schema[]).filter((other) => holds(other)).length === 1);
      case 'not':
        return fail(!holds(rule));
      default:
        throw new Error(`the keyword ${keyword} is not checked`);
    }
  });
}

function definition(root: Schema, ref: string): Schema {
  const found = (root['definitions'] as Record<string, Schema>)[ref.replace('#/definitions/', '')];
  if (found === undefined) throw new Error(`${ref} leads nowhere`);
  return found;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
