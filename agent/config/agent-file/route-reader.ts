// `routes` of a frontend: in their order, the first that matches a call takes it.
import type { HashPolicy, HostRewrite, Route, RouteAction } from '../../../xds/model/route.ts';
import { forwardTo } from '../../../xds/model/route.ts';
import { STATUS_NAMES } from '../../grpc/status.ts';
import type { YamlEntry, YamlPlace, YamlReader } from '../yaml-reader.ts';
import type { Backend } from './backend-reader.ts';
import { type CallMatch, compileCallMatch, covers, type NameMatch } from './call-match.ts';
import { readHeaderChanges } from './header-changes.ts';
import { readMatch } from './match-reader.ts';
import { readRetry } from './retry-reader.ts';

const mostWeight = 1_000_000;

const keys = [
  'name',
  'match',
  'backend',
  'split',
  'reject',
  'timeout',
  'max_deadline',
  'retry',
  'authority',
  'request_headers',
  'response_headers',
] as const;

type RouteFields = Partial<Record<(typeof keys)[number], YamlEntry>>;

/**
 * `backends` by name; `used` gets the names of those that a route sends calls to, `sentOn` the services whose calls one
 * does.
 */
export function readRoutes(
  reader: YamlReader,
  place: YamlPlace,
  backends: ReadonlyMap<string, Backend>,
  used: Set<string>,
  sentOn: NameMatch[],
): Route[] {
  const before: { readonly name: string; readonly match: CallMatch }[] = [];
  return reader.items(place).map((item, index) => {
    const fields = reader.fields(item, keys);
    const given = fields.name === undefined ? null : reader.text(fields.name);
    const name = given ?? `route ${index + 1}`;
    const problemsBefore = reader.problems.length;
    const match = readMatch(reader, fields.match);
    // What is not read whole says nothing about what it leaves to others.
    if (reader.problems.length === problemsBefore) {
      const other = before.find((earlier) => covers(earlier.match, match));
      if (other !== undefined) sayUnreachable(reader, fields.match ?? item, match, other);
      before.push({ name, match });
    }
    if (fields.reject === undefined) sentOn.push(match.service);
    return {
      name: given ?? '',
      match: compileCallMatch(match),
      action: readAction(reader, item, fields, backends, used),
      mutations: readHeaderChanges(reader, fields.request_headers, fields.response_headers),
      filterOverrides: null,
    };
  });
}

function sayUnreachable(
  reader: YamlReader,
  place: YamlPlace,
  match: CallMatch,
  other: { readonly name: string; readonly match: CallMatch },
): void {
  const isSame = covers(match, other.match);
  reader.problem(
    place,
    isSame
      ? `matches the same calls as ${other.name} before it, which takes them all`
      : `no call gets here: ${other.name} before it takes all that this route matches`,
  );
}

function readAction(
  reader: YamlReader,
  item: YamlPlace,
  fields: RouteFields,
  backends: ReadonlyMap<string, Backend>,
  used: Set<string>,
): RouteAction {
  const { backend, split, reject } = fields;
  if ([backend, split, reject].filter((field) => field !== undefined).length !== 1) {
    reader.problem(item, 'a route has one of "backend", "split" and "reject"');
  }
  if (reject !== undefined) {
    for (const key of ['timeout', 'max_deadline', 'retry', 'authority'] as const) {
      const place = fields[key];
      if (place !== undefined) reader.problem(place.keyPlace, `"${key}" is for calls that go to a backend`);
    }
    return readReject(reader, reject);
  }
  const shares = split === undefined ? readOne(reader, backend, backends) : readSplit(reader, split, backends);
  for (const { name } of shares) used.add(name);
  return forwardTo(shares, {
    timeoutMs: fields.timeout === undefined ? null : reader.durationMs(fields.timeout),
    grpcTimeoutMaxMs: fields.max_deadline === undefined ? null : reader.durationMs(fields.max_deadline),
    hostRewrite: fields.authority === undefined ? null : readAuthority(reader, fields.authority),
    retry: fields.retry === undefined ? null : readRetry(reader, fields.retry),
    hashPolicies: hashPoliciesOf(shares, backends),
  });
}

interface Share {
  readonly name: string;
  readonly weight: number;
}

function readOne(
  reader: YamlReader,
  place: YamlEntry | undefined,
  backends: ReadonlyMap<string, Backend>,
): readonly Share[] {
  const name = place === undefined ? null : reader.text(place);
  if (place === undefined || name === null) return [];
  if (!backends.has(name)) reader.unknownName(place, 'backend', name, [...backends.keys()]);
  return [{ name, weight: 1 }];
}

/** A backend with a share of 0 gets no calls, and is there for the next save. */
function readSplit(reader: YamlReader, place: YamlEntry, backends: ReadonlyMap<string, Backend>): readonly Share[] {
  const problemsBefore = reader.problems.length;
  const shares = reader.entries(place).map((entry): Share => {
    if (!backends.has(entry.key)) reader.unknownName(entry.keyPlace, 'backend', entry.key, [...backends.keys()]);
    return { name: entry.key, weight: reader.integer(entry, 0, mostWeight) ?? 0 };
  });
  const sum = shares.reduce((total, { weight }) => total + weight, 0);
  if (sum === 0 && reader.problems.length === problemsBefore) {
    reader.problem(place, 'the shares sum to 0; one at least must be more');
  }
  return shares;
}

function readReject(reader: YamlReader, place: YamlPlace): RouteAction {
  const { status, message } = reader.fields(place, ['status', 'message']);
  if (status === undefined) reader.problem(place, 'needs "status", a gRPC status such as UNIMPLEMENTED');
  const name = status === undefined ? null : reader.word(status, 'status', STATUS_NAMES.slice(1));
  return {
    kind: 'reject',
    status: name === null ? 1 : STATUS_NAMES.indexOf(name),
    message: message === undefined ? '' : (reader.text(message) ?? ''),
  };
}

/** A text, or `{ endpoint: true }`: the name of the endpoint that takes the call. */
function readAuthority(reader: YamlReader, place: YamlPlace): HostRewrite | null {
  if (reader.isMap(place)) {
    const { endpoint } = reader.fields(place, ['endpoint']);
    if (endpoint === undefined || reader.boolean(endpoint) !== true) {
      reader.problem(place, 'write a text, or { endpoint: true }');
    }
    return { kind: 'endpoint' };
  }
  const value = reader.text(place);
  if (value === null) return null;
  if (!/^[A-Za-z0-9._:[\]-]+$/.test(value))
    reader.problem(place, `"${value}" is no authority; write host or host:port`);
  return { kind: 'literal', value };
}

/** Of all backends of the route, each once. */
function hashPoliciesOf(shares: readonly Share[], backends: ReadonlyMap<string, Backend>): HashPolicy[] {
  const policies = new Map<string, HashPolicy>();
  for (const { name } of shares) {
    const policy = backends.get(name)?.hashPolicy ?? null;
    if (policy !== null) policies.set(JSON.stringify(policy), policy);
  }
  return [...policies.values()];
}
