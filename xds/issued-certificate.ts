// What a certificate authority has answered: is it ours, is it sound, and when is the next one due.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

export interface IssuedCertificate {
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
  readonly rootsPem: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/**
 * @param chain the certificate, what leads to its root, and the root last.
 * @param configuredRootsPem roots that were there before; `null`: none.
 * @throws Error that says what is wrong.
 */
export function readIssued(
  chain: readonly string[],
  privateKeyPem: string,
  configuredRootsPem: string | null,
  now: number,
): IssuedCertificate {
  const [first = ''] = chain;
  const roots = chain.length > 1 ? chain.at(-1)! : configuredRootsPem;
  if (roots === null) throw new Error('it has no root');
  const leaf = read(first, 'its certificate');
  read(roots, 'its root');
  if (!leaf.checkPrivateKey(createPrivateKey(privateKeyPem))) throw new Error('its certificate is for another key');
  const expiresAt = leaf.validToDate.getTime();
  if (expiresAt <= now) throw new Error(`its certificate has expired, on ${leaf.validToDate.toISOString()}`);
  const certificateChainPem = chain
    .slice(0, Math.max(1, chain.length - 1))
    .map(endedByNewline)
    .join('');
  try {
    createSecureContext({ cert: certificateChainPem, key: privateKeyPem, ca: roots });
  } catch {
    throw new Error('it has something behind the first certificate that is none');
  }
  return { certificateChainPem, privateKeyPem, rootsPem: endedByNewline(roots), expiresAt };
}

/**
 * Milliseconds until the next one is asked for: while `graceRatio` of its life is left, 1 % more or less, so that a fleet
 * does not ask at once; a second at least.
 * @param random 0 to 1.
 */
export function renewalDelayMs(expiresAt: number, now: number, graceRatio: number, random: number): number {
  const grace = Math.min(1, Math.max(0, graceRatio + (random - 0.5) / 50));
  return Math.max(1000, Math.round((expiresAt - now) * (1 - grace)));
}

function read(pem: string, what: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Error(`${what} is none in PEM`);
  }
}

function endedByNewline(pem: string): string {
  return pem.endsWith('\n') ? pem : `${pem}\n`;
}
