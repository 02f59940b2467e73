// `frontends`: where calls arrive, each a listener and its routes.
import { formatAddress } from '../../../xds/model/address.ts';
import { anyConnection } from '../../../xds/model/filter-chain-match.ts';
import type { FilterChain, HttpConnectionManager, Listener } from '../../../xds/model/listener.ts';
import type { Resource } from '../../../xds/model/resource.ts';
import { type RouteConfiguration, unchanged } from '../../../xds/model/route.ts';
import type { YamlPlace } from '../yaml-reader.ts';
import type { Backend } from './backend-reader.ts';
import { readBorder, readCallRate } from './border-reader.ts';
import type { NameMatch } from './call-match.ts';
import { type FrontendTls, readFrontendTls } from './certificates.ts';
import { lifeKeys, readLife } from './connection-life.ts';
import type { FileContext } from './file-context.ts';
import { readGrpcWeb } from './grpc-web-reader.ts';
import { readOwnServices } from './own-services-reader.ts';
import { readRoutes } from './route-reader.ts';

const keys = [
  'name',
  'listen',
  'direction',
  'tls',
  'max_concurrent_streams',
  'edge',
  'forwarded_for',
  'client_cert_header',
  'call_rate',
  'health',
  'reflection',
  'grpc_web',
  'routes',
  ...lifeKeys,
] as const;

const directions = ['inbound', 'outbound'] as const;

/** `used` gets the names of the backends that calls are sent to. After a problem was noted the result does not matter. */
export function readFrontends(
  context: FileContext,
  place: YamlPlace,
  backends: ReadonlyMap<string, Backend>,
  used: Set<string>,
): Resource[] {
  const { reader } = context;
  const names = new Map<string, string>();
  const addresses = new Map<string, string>();
  const claim = (owners: Map<string, string>, word: string, at: YamlPlace, what: string): void => {
    const owner = owners.get(word);
    if (owner === undefined) owners.set(word, at.path);
    else reader.problem(at, `${what} ${word} is taken by ${owner}`);
  };
  return reader.items(place).flatMap((item): Resource[] => {
    const fields = reader.fields(item, keys);
    if (fields.listen === undefined) reader.problem(item, 'needs "listen", the address where calls arrive');
    const address = (fields.listen === undefined ? null : reader.address(fields.listen, 0)) ?? { host: '', port: 0 };
    const given = fields.name === undefined ? null : reader.text(fields.name);
    const name = given ?? formatAddress(address);
    if (fields.listen !== undefined && address.port !== 0)
      claim(addresses, formatAddress(address), item, 'the address');
    if (address.host !== '') claim(names, name, item, 'the name');
    const sentOn: NameMatch[] = [];
    const routes = fields.routes === undefined ? [] : readRoutes(reader, fields.routes, backends, used, sentOn);
    if (routes.length === 0) reader.problem(fields.routes ?? item, 'needs "routes", one at least');
    const direction = fields.direction === undefined ? null : reader.word(fields.direction, 'direction', directions);
    const maxConcurrentStreams =
      fields.max_concurrent_streams === undefined ? null : reader.integer(fields.max_concurrent_streams, 1, 1_000_000);
    const isEdge = fields.edge === undefined ? false : (reader.boolean(fields.edge) ?? false);
    const own = readOwnServices(context, fields, sentOn);
    const http: HttpConnectionManager = {
      statPrefix: name,
      routes: { kind: 'rds', name },
      filters: [],
      maxStreamDurationMs: null,
      maxConcurrentStreams,
      ...readLife(reader, fields),
      ...(isEdge ? { isEdge } : {}),
      ...(fields.call_rate === undefined ? {} : { callRate: readCallRate(reader, fields.call_rate) }),
      ...(own.services === null ? {} : { ownServices: own.services }),
      ...(fields.grpc_web === undefined ? {} : { grpcWeb: readGrpcWeb(reader, fields.grpc_web) }),
    };
    const certificates = fields.tls === undefined ? [null] : readFrontendTls(context, fields.tls);
    const listener: Listener = {
      name,
      address,
      direction: direction ?? 'inbound',
      unusableChains: [],
      defaultFilterChain: null,
      filterChains: certificates.map((certificate) => chainOf(certificate, http)),
    };
    const host = { name: '*', domains: ['*'], routes: [...own.routes, ...routes], ...unchanged };
    const config: RouteConfiguration = {
      name,
      virtualHosts: [host],
      ignorePortInHostMatching: false,
      ...unchanged,
      mutations: readBorder(reader, fields, isEdge, fields.tls !== undefined),
      mostSpecificMutationsWin: false,
    };
    return [
      { type: 'route', value: config },
      { type: 'listener', value: listener },
    ];
  });
}

/** `null`: clear text. */
function chainOf(certificate: FrontendTls | null, http: HttpConnectionManager): FilterChain {
  const serverNames = certificate?.names ?? null;
  const match = serverNames === null ? null : { ...anyConnection, serverNames };
  return { name: '', match, tls: certificate?.tls ?? null, http };
}
