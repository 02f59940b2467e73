// What HTTP/2 demands of the fields of a block (RFC 9113 sections 8.2 and 8.3). An intermediary must not forward a
// block that breaks these. The texts name the field and never hold a value that might be secret.

import type { BlockKind } from './header-contract.ts';

/** Field `index` of a block as text; the value is `null` while it is not known (a hole, judged block by block). */
export interface FieldReader {
  readonly length: number;
  name(index: number): string;
  value(index: number): string | null;
}

const connectionSpecific = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Names whose values are judged here: a hole of such a name is judged in each block. */
const judgedNames = new Set([':authority', ':method', ':path', ':scheme', ':status', 'content-length', 'host', 'te']);

const requestPseudo = [':method', ':scheme', ':path', ':authority'];
const responsePseudo = [':status'];

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const scheme = /^[A-Za-z][A-Za-z0-9+.-]*$/;
/** No control character, space or fragment. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const notInPath = /[\u0000-\u0020#\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const notInAuthority = /[\u0000-\u0020@/?#\u007f]/;

export function isJudged(name: string): boolean {
  return judgedNames.has(name);
}

/** A name as it may stand in a message: printable, quoted, of bounded length. */
export function quoteName(name: string): string {
  const start = name.slice(0, 64);
  const printable = start.replace(/[^!-~]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `'${printable}${name.length > start.length ? '...' : ''}'`;
}

/** Why a name may not stand in any block (RFC 9113 section 8.2.1), or `null`. */
export function nameProblem(name: string): string | null {
  if (name === '' || name === ':') return `field name ${quoteName(name)} is empty`;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code >= 0x41 && code <= 0x5a) return `field name ${quoteName(name)} has an upper-case letter`;
    if (code <= 0x20 || code >= 0x7f) return `field name ${quoteName(name)} has a byte that no name may have`;
    if (code === 0x3a && i > 0) return `field name ${quoteName(name)} has a colon inside`;
  }
  return null;
}

/** Why these fields are malformed as a block of that kind, or `null`. The names' own faults are found before. */
export function blockProblem(kind: BlockKind, fields: FieldReader): string | null {
  for (let i = 0; i < fields.length; i++) {
    const name = fields.name(i);
    if (connectionSpecific.has(name)) return `${quoteName(name)} is a field of HTTP/1.1 connections`;
    if (name.startsWith(':')) {
      const problem = pseudoProblem(kind, name);
      if (problem !== null) return problem;
    }
    const value = fields.value(i);
    if (value === null) continue;
    if (name === 'te' && value.toLowerCase() !== 'trailers') return "'te' says something else than trailers";
    if (name === 'content-length' && !/^[0-9]{1,15}$/.test(value)) return "'content-length' is not a number";
  }
  const differing = ambiguousLength(fields);
  if (differing !== null) return differing;
  if (kind === 'request') return requestProblem(fields);
  return kind === 'response' ? responseProblem(fields) : null;
}

function pseudoProblem(kind: BlockKind, name: string): string | null {
  if (kind === 'trailers') return `pseudo-field ${quoteName(name)} stands in trailers`;
  if ((kind === 'request' ? requestPseudo : responsePseudo).includes(name)) return null;
  return `pseudo-field ${quoteName(name)} does not belong in a ${kind}`;
}

/** Two lengths that differ would let two readers cut the body differently (RFC 9110 section 8.6). */
function ambiguousLength(fields: FieldReader): string | null {
  const first = find(fields, 'content-length', 0);
  if (first < 0) return null;
  for (let i = find(fields, 'content-length', first + 1); i >= 0; i = find(fields, 'content-length', i + 1)) {
    const a = fields.value(first);
    const b = fields.value(i);
    if (a !== null && b !== null && a !== b) return "'content-length' stands there twice with different values";
  }
  return null;
}

function requestProblem(fields: FieldReader): string | null {
  for (const name of [':method', ':scheme', ':path']) {
    const problem = countProblem(fields, name);
    if (problem !== null) return problem;
  }
  for (const name of [':authority', 'host']) {
    const first = find(fields, name, 0);
    if (first >= 0 && find(fields, name, first + 1) >= 0) return `'${name}' stands there twice`;
  }
  const method = fields.value(find(fields, ':method', 0));
  if (method === 'CONNECT') return "':method' is CONNECT, which is not served here";
  if (method !== null && !token.test(method)) return "':method' is not a method";
  const schemeText = fields.value(find(fields, ':scheme', 0));
  if (schemeText !== null && !scheme.test(schemeText)) return "':scheme' is not a scheme";
  return pathProblem(fields.value(find(fields, ':path', 0)), method) ?? authorityProblem(fields);
}

function pathProblem(path: string | null, method: string | null): string | null {
  if (path === null) return null;
  if (path === '*') return method === 'OPTIONS' || method === null ? null : "':path' is * without the method OPTIONS";
  if (!path.startsWith('/')) return "':path' does not begin with a slash";
  return notInPath.test(path) ? "':path' has a space, a control character or a fragment" : null;
}

function authorityProblem(fields: FieldReader): string | null {
  const authorityAt = find(fields, ':authority', 0);
  const hostAt = find(fields, 'host', 0);
  const authority = authorityAt < 0 ? null : fields.value(authorityAt);
  const host = hostAt < 0 ? null : fields.value(hostAt);
  if (authority !== null && notInAuthority.test(authority)) return "':authority' is more than a host and a port";
  if (host !== null && notInAuthority.test(host)) return "'host' is more than a host and a port";
  if (authority === null || host === null || authority.toLowerCase() === host.toLowerCase()) return null;
  return "'host' differs from ':authority'";
}

function responseProblem(fields: FieldReader): string | null {
  const problem = countProblem(fields, ':status');
  if (problem !== null) return problem;
  const status = fields.value(find(fields, ':status', 0));
  if (status !== null && !/^[1-9][0-9]{2}$/.test(status)) return "':status' is not a number of three digits";
  return status === '101' ? "':status' is 101, which HTTP/2 does not have" : null;
}

function countProblem(fields: FieldReader, name: string): string | null {
  const first = find(fields, name, 0);
  if (first < 0) return `'${name}' is missing`;
  return find(fields, name, first + 1) < 0 ? null : `'${name}' stands there twice`;
}

function find(fields: FieldReader, name: string, from: number): number {
  for (let i = from; i < fields.length; i++) if (fields.name(i) === name) return i;
  return -1;
}
