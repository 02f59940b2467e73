// Which server a call is for, where its cluster asks (`auto_sni`, `auto_san_validation`).
import { isIP } from 'node:net';
import type { CallName } from '../../xds/model/cluster.ts';
import type { HeaderBlock } from '../http2/index.ts';

/** What can be a name for TLS (RFC 6066 section 3), with the underscore that some use. */
const hostName = /^[\w.-]{1,255}$/;

/**
 * The host, in lower case; `null`: the call says nothing that counts, and goes as if it were not asked.
 * @param block as the client sent it.
 * @param authority as it is sent upstream.
 */
export function calledServer({ header, isChecked }: CallName, block: HeaderBlock, authority: string): string | null {
  const named = header === null ? '' : block.values(header).join(',');
  const host = hostOfAuthority(named === '' ? authority : named).toLowerCase();
  // An address is no name to ask for.
  return !isChecked && isIP(host) !== 0 ? null : host;
}

/** Whether a server of that name can be asked for, or be looked for in a certificate. */
export function isServerName(host: string): boolean {
  return isIP(host) !== 0 || hostName.test(host);
}

/** Of `host`, `host:port` or `[host]:port`; what is none of these, as it is. */
function hostOfAuthority(text: string): string {
  const [, bracketed, plain] = /^(?:\[(.*)\]|([^:]*))(?::[0-9]*)?$/.exec(text) ?? [];
  return bracketed ?? plain ?? text;
}
