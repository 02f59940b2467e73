// Decodes a resource that a test writes as an object, and says what came of it.
import type { ReadMessage } from '../../xds/decode/decode-context.ts';
import {
  type DecodeOptions,
  type DecodeResult,
  decodeResource,
  resourceTypes,
} from '../../xds/decode/resource-types.ts';
import type { UnsupportedPolicy } from '../../xds/decode/validation.ts';
import type { Resource, ResourceType } from '../../xds/model/resource.ts';
import { loadProtos } from '../../xds/protos.ts';
import { wireSchemaOf } from '../../xds/wire-schema.ts';

const protos = loadProtos();

export const decodeOptions: DecodeOptions = {
  read: protos.decode as ReadMessage,
  readFile: null,
  unsupported: 'warn',
  schema: wireSchemaOf(protos.describe),
};

export function decode(type: ResourceType, message: object, options: Partial<DecodeOptions> = {}): DecodeResult {
  const bytes = protos.encode(resourceTypes[type].messageName, message);
  return decodeResource(type, bytes, { ...decodeOptions, ...options });
}

/** The errors of a resource; empty where it is valid. */
export function errorsOf(
  type: ResourceType,
  message: object,
  unsupported: UnsupportedPolicy = 'warn',
): readonly string[] {
  const result = decode(type, message, { unsupported });
  return result.kind === 'invalid' ? result.errors : [];
}

/** The warnings of a valid resource. Throws where it is not valid. */
export function warningsOf(type: ResourceType, message: object): readonly string[] {
  const result = decode(type, message);
  if (result.kind === 'invalid') throw new Error(result.errors.join('\n'));
  return result.warnings;
}

/** The model of each resource type. */
type Model = { [Type in ResourceType]: Extract<Resource, { type: Type }>['value'] };

/** The model of a valid resource. Throws where it is not valid. */
export function modelOf<Type extends ResourceType>(
  type: Type,
  message: object,
  options: Partial<DecodeOptions> = {},
): Model[Type] {
  const result = decode(type, message, options);
  if (result.kind === 'invalid') throw new Error(result.errors.join('\n'));
  return result.resource.value as Model[Type];
}
