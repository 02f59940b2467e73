// Which route of a configuration takes a call, without an agent that runs it.
import type { HttpConnectionManager } from '../../xds/model/listener.ts';
import type { Resource } from '../../xds/model/resource.ts';
import { RouteTables } from '../director/route-tables.ts';
import { createCallHeadMemo, readCallHead } from '../grpc/call-head.ts';
import { HeaderShapes } from '../http2/index.ts';
import { didYouMean } from './command-line.ts';

/**
 * A sentence a line. `fields` are those of the call; `listener` undefined: at each there is. Throws an Error of one
 * sentence where there is no such listener.
 */
export function* explainResources(
  resources: readonly Resource[],
  listener: string | undefined,
  fields: readonly (readonly [name: string, value: string])[],
): Generator<string> {
  const shapes = new HeaderShapes();
  const tables = new RouteTables({ random: Math.random, shapes });
  for (const resource of resources) if (resource.type === 'route') tables.upsert(resource.value);
  const head = readCallHead(shapes.block(fields), createCallHeadMemo(shapes));
  for (const [name, managers] of chosenListeners(resources, listener)) {
    yield `listener ${name}`;
    for (const { routes } of managers) {
      if (routes.kind === 'by-authority') continue;
      for (const line of tables.directorOf(routes).explain(head)) yield `  ${line}`;
    }
  }
}

function chosenListeners(
  resources: readonly Resource[],
  wanted: string | undefined,
): Map<string, readonly HttpConnectionManager[]> {
  const listeners = new Map<string, readonly HttpConnectionManager[]>();
  for (const { type, value } of resources) {
    if (type !== 'listener') continue;
    const chains = value.defaultFilterChain === null ? [] : [value.defaultFilterChain];
    listeners.set(
      value.name,
      [...value.filterChains, ...chains].map(({ http }) => http),
    );
  }
  if (wanted === undefined) return listeners;
  const managers = listeners.get(wanted);
  if (managers !== undefined) return new Map([[wanted, managers]]);
  const names = [...listeners.keys()];
  const list = names.join(', ') || 'none';
  throw new Error(`there is no listener ${wanted}${didYouMean(wanted, names)}; there are: ${list}`);
}
