// `health` and `reflection` of a frontend: what the agent answers itself, before all routes.
import type { OwnServices } from '../../../xds/model/listener.ts';
import { type Route, unchanged } from '../../../xds/model/route.ts';
import { DescriptorIndex } from '../../grpc/descriptor-index.ts';
import type { YamlEntry, YamlPlace } from '../yaml-reader.ts';
import { anyName, compileCallMatch, type NameMatch } from './call-match.ts';
import type { FileContext } from './file-context.ts';

export interface OwnServicesRead {
  /** To be put before all others. */
  readonly routes: readonly Route[];
  /** `null`: there are none. */
  readonly services: OwnServices | null;
}

/** `sentOn`: services whose calls a route sends to a backend. After a problem was noted the result does not matter. */
export function readOwnServices(
  context: FileContext,
  fields: { readonly health?: YamlEntry; readonly reflection?: YamlEntry },
  sentOn: readonly NameMatch[],
): OwnServicesRead {
  const hasHealth = fields.health !== undefined && context.reader.boolean(fields.health) === true;
  const descriptorSets = fields.reflection === undefined ? [] : readReflection(context, fields.reflection);
  if (!hasHealth && fields.reflection === undefined) return { routes: [], services: null };
  const names = [
    ...(hasHealth ? ['grpc.health.v1.Health'] : []),
    ...(fields.reflection === undefined ? [] : reflectionServices),
  ];
  return {
    routes: names.map(routeOf),
    services: { healthOf: hasHealth ? sentOn : [], descriptorSets },
  };
}

const reflectionServices = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

function routeOf(service: string): Route {
  const match = { service: { kind: 'exact', value: service }, method: anyName, authorities: [], headers: [] } as const;
  return { name: service, match: compileCallMatch(match), action: { kind: 'non-forwarding' }, ...unchanged };
}

/** Base64 of each set. */
function readReflection(context: FileContext, place: YamlPlace): string[] {
  const { reader } = context;
  const { descriptors } = reader.fields(place, ['descriptors']);
  const items = descriptors === undefined ? [] : reader.items(descriptors);
  if (items.length === 0) reader.problem(descriptors ?? place, 'needs "descriptors", a list of descriptor sets');
  const index = new DescriptorIndex();
  const problemsBefore = reader.problems.length;
  const sets = items.flatMap((item) => {
    const content = context.content(item);
    if (content === null) return [];
    try {
      index.add(content);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      reader.problem(item, `is no descriptor set: ${reason}; protoc writes one with --descriptor_set_out`);
    }
    return [content.toString('base64')];
  });
  const missing = index.missingImports();
  if (missing.length > 0 && reader.problems.length === problemsBefore) {
    reader.problem(descriptors ?? place, `lacks ${missing.join(', ')}; protoc adds them with --include_imports`);
  }
  return sets;
}
