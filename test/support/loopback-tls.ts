// The self-signed certificate for 127.0.0.1, as a listener shows it.
import { readFileSync } from 'node:fs';
import type { DownstreamTls } from '../../xds/model/tls.ts';

const pem = (name: string) => readFileSync(new URL(`../xds/fixtures/${name}.pem`, import.meta.url), 'utf8');

/** Asks no certificate of a client. */
export const loopbackTls: DownstreamTls = {
  certificateChainPem: pem('loopback-cert'),
  privateKeyPem: pem('loopback-key'),
  trustedCaPem: null,
  requireClientCertificate: false,
};
