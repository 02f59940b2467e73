// A certificate authority made of the `openssl` program, which is a judge of our requests at the same time.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

export interface CertificateAuthority {
  readonly rootPem: string;
  /** A certificate of the request's key for its names, in PEM. */
  sign(requestPem: string, days?: number): string;
}

/** Whether the program is there. */
export function hasOpenssl(): boolean {
  try {
    return execFileSync('openssl', ['version']).toString().startsWith('OpenSSL 3');
  } catch {
    return false;
  }
}

export function createAuthority(t: ExecutionContext): CertificateAuthority {
  const folder = mkdtempSync(join(tmpdir(), 'outrigger-ca-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const at = (name: string): string => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('ca-key.pem')];
  openssl('req', '-x509', ...key, '-subj', '/O=mesh', '-days', '3650', '-out', at('ca.pem'));
  return {
    rootPem: readFileSync(at('ca.pem'), 'utf8'),
    sign: (requestPem, days = 1) => {
      writeFileSync(at('request.pem'), requestPem);
      const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca-key.pem'), '-copy_extensions', 'copy'];
      return openssl('x509', '-req', '-in', at('request.pem'), ...signer, '-days', `${days}`);
    },
  };
}

function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
}
