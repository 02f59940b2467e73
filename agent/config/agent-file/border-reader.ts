// What a frontend does at the border of trust: it says who calls to those behind it, and how often one may.
import type { HeaderAddition, HeaderMutations } from '../../../xds/model/header-mutations.ts';
import type { CallRate } from '../../../xds/model/listener.ts';
import { status } from '../../grpc/status.ts';
import type { YamlEntry, YamlPlace, YamlReader } from '../yaml-reader.ts';

type BorderFields = Partial<Record<'forwarded_for' | 'client_cert_header', YamlEntry>>;

const forwardedFor = ['append', 'overwrite', 'keep'] as const;
const clientCertHeader = ['sanitize', 'set', 'append', 'keep'] as const;

/**
 * Changes of the requests of all routes; `null`: what clients say of themselves passes. At an edge the client's address is
 * appended, and what it says of certificates is dropped, unless the file says otherwise.
 */
export function readBorder(
  reader: YamlReader,
  fields: BorderFields,
  isEdge: boolean,
  isTls: boolean,
): HeaderMutations | null {
  const word = <Word extends string>(place: YamlEntry | undefined, words: readonly Word[], edge: Word, inside: Word) =>
    place === undefined ? (isEdge ? edge : inside) : (reader.word(place, 'way', words) ?? inside);
  const addresses = word(fields.forwarded_for, forwardedFor, 'append', 'keep');
  const certificates = word(fields.client_cert_header, clientCertHeader, 'sanitize', 'keep');
  const requestAdd: HeaderAddition[] = [];
  const requestRemove: string[] = [];
  if (addresses !== 'keep') {
    const action = addresses === 'append' ? 'join' : 'overwrite';
    const scheme = isTls ? 'https' : 'http';
    requestAdd.push(
      { name: 'x-forwarded-for', value: [{ kind: 'downstream-ip' }], action, keepEmpty: false },
      { name: 'x-forwarded-proto', value: [scheme], action: 'overwrite', keepEmpty: false },
    );
  }
  if (certificates === 'sanitize' || certificates === 'set') requestRemove.push('x-forwarded-client-cert');
  if (certificates === 'append' || certificates === 'set') {
    const value = [{ kind: 'downstream-certificate' }] as const;
    const action = certificates === 'append' ? 'join' : 'overwrite';
    requestAdd.push({ name: 'x-forwarded-client-cert', value, action, keepEmpty: false });
  }
  if (requestAdd.length + requestRemove.length === 0) return null;
  return { requestAdd, requestRemove, responseAdd: [], responseRemove: [] };
}

const refusals = ['RESOURCE_EXHAUSTED', 'UNAVAILABLE'] as const;
const mostCalls = 1_000_000;

/** After a problem was noted the result does not matter. */
export function readCallRate(reader: YamlReader, place: YamlPlace): CallRate {
  const fields = reader.fields(place, ['per_second', 'burst', 'status']);
  if (fields.per_second === undefined) reader.problem(place, 'needs "per_second", calls of one client address');
  const perSecond = fields.per_second === undefined ? 1 : (reader.integer(fields.per_second, 1, mostCalls) ?? 1);
  const name = fields.status === undefined ? null : reader.word(fields.status, 'status', refusals);
  return {
    perSecond,
    burst: fields.burst === undefined ? perSecond : (reader.integer(fields.burst, 1, mostCalls) ?? 1),
    status: status[name ?? 'RESOURCE_EXHAUSTED'],
  };
}
