// `plainMesh` with TLS before the agent and, on request, behind it; the certificates are those of test/http2/fixtures.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { DownstreamTls, UpstreamTls } from '../../xds/model/tls.ts';
import { plainMesh } from '../support/resources.ts';

const path = (name: string): string => fileURLToPath(new URL(`../http2/fixtures/${name}.pem`, import.meta.url));
const pem = (name: string): string => readFileSync(path(name), 'utf8');

/** Who trusts this file trusts the listeners, under the name beside it. */
export const CA_FILE: string = path('ca');
export const SERVER_NAME = 'echo.test';

const open: DownstreamTls = {
  certificateChainPem: pem('server'),
  privateKeyPem: pem('server-key'),
  trustedCaPem: null,
  requireClientCertificate: false,
};

/** For listeners that only other agents may call. */
export const mutual: DownstreamTls = { ...open, trustedCaPem: pem('ca'), requireClientCertificate: true };

/** For endpoints behind such listeners. */
export const toMutual: UpstreamTls = {
  certificateChainPem: pem('client'),
  privateKeyPem: pem('client-key'),
  trustedCaPem: pem('ca'),
  sni: SERVER_NAME,
  subjectAltNames: [],
};

export function secureMesh(
  name: string,
  port: number,
  downstream: DownstreamTls = open,
  upstream: UpstreamTls | null = null,
): ServingResource[] {
  return plainMesh(name, 'inbound', [port]).map((resource) => {
    if (resource.type === 'cluster') return { ...resource, value: { ...resource.value, tls: upstream } };
    if (resource.type !== 'listener') return resource;
    const filterChains = resource.value.filterChains.map((chain) => ({ ...chain, tls: downstream }));
    return { ...resource, value: { ...resource.value, filterChains } };
  });
}
