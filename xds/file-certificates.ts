// The certificate providers of a bootstrap that watch files (`file_watcher`, gRFC A29): what resources name by the
// provider's name comes from here. Files are read again every `refreshMs`, as long as somebody follows them; what cannot
// be used, such as a certificate whose key has not been renewed yet, leaves the last good ones where they are.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Log, SetTimer } from './environment.ts';
import { XdsError } from './errors.ts';
import type { CertificateProvider, PemSource } from './model/bootstrap.ts';
import type { Secret } from './model/secret.ts';
import type { ResourceWatcher } from './watchers.ts';

export type ProviderPart = 'certificate' | 'roots';

export interface FileCertificatesOptions {
  readonly providers: Readonly<Record<string, CertificateProvider>>;
  /** The text of a file; throws. */
  readonly readFile: (path: string) => string;
  readonly setTimer: SetTimer;
  readonly log: Log;
}

interface Followed {
  /** As last read and found good; `null`: never yet. */
  secret: Secret | null;
  /** What is wrong with the files as they are now, so that it is told once. */
  problem: string | null;
  readonly watchers: Set<ResourceWatcher>;
  cancel: () => void;
}

/** Files that cannot be used are looked at again so soon: they are being renewed, more often than not. */
const retryMs = 10_000;

export class FileCertificates {
  readonly #options: FileCertificatesOptions;
  /** By part and provider. */
  readonly #followed = new Map<string, Followed>();

  constructor(options: FileCertificatesOptions) {
    this.#options = options;
  }

  /** Answers the end of it, or why it can never come. */
  watch(name: string, part: ProviderPart, watcher: ResourceWatcher): (() => void) | { readonly problem: string } {
    const { providers } = this.#options;
    const provider = Object.hasOwn(providers, name) ? providers[name] : undefined;
    if (provider === undefined) return { problem: 'cannot be had: the bootstrap has no such provider' };
    if ((part === 'roots' ? provider.ca : provider.identity) === null) {
      return { problem: 'cannot be had: the provider has no file for it' };
    }
    const key = `${part} ${name}`;
    const followed = this.#followed.get(key) ?? this.#follow(key, name, provider, part);
    followed.watchers.add(watcher);
    queueMicrotask(() => {
      if (followed.watchers.has(watcher)) tell(followed, watcher);
    });
    return () => {
      followed.watchers.delete(watcher);
      if (followed.watchers.size > 0) return;
      followed.cancel();
      this.#followed.delete(key);
    };
  }

  stop(): void {
    for (const { cancel } of this.#followed.values()) cancel();
    this.#followed.clear();
  }

  #follow(key: string, name: string, provider: CertificateProvider, part: ProviderPart): Followed {
    const followed: Followed = { secret: null, problem: null, watchers: new Set(), cancel: () => {} };
    this.#followed.set(key, followed);
    this.#read(followed, name, provider, part);
    return followed;
  }

  #read(followed: Followed, name: string, provider: CertificateProvider, part: ProviderPart): void {
    const { readFile, setTimer, log } = this.#options;
    const read = (source: PemSource): string => (source.kind === 'file' ? readFile(source.path) : source.pem);
    const before = followed.secret;
    const problem = followed.problem;
    try {
      followed.secret = part === 'roots' ? readRoots(name, provider, read) : readIdentity(name, provider, read);
      followed.problem = null;
    } catch (error) {
      followed.problem = error instanceof Error ? error.message : String(error);
    }
    if (followed.problem !== null && followed.problem !== problem) {
      const inUse = before !== null;
      log('warn', 'the files of a certificate provider cannot be used', {
        provider: name,
        part,
        reason: followed.problem,
        inUse,
      });
    }
    const isNews =
      followed.problem === null ? !isSame(before, followed.secret) : before === null && problem !== followed.problem;
    if (isNews) for (const watcher of [...followed.watchers]) tell(followed, watcher);
    const waitMs = followed.problem === null ? provider.refreshMs : Math.min(retryMs, provider.refreshMs);
    followed.cancel = setTimer(() => this.#read(followed, name, provider, part), waitMs);
  }
}

function tell({ secret, problem }: Followed, watcher: ResourceWatcher): void {
  if (secret !== null) watcher.onChanged({ type: 'secret', value: secret });
  else watcher.onError(new XdsError('rejected', problem ?? 'nothing was read'), false);
}

type Read = (source: PemSource) => string;

function readIdentity(name: string, { identity }: CertificateProvider, read: Read): Secret {
  if (identity === null) throw new Error('no certificate is configured');
  const certificateChainPem = read(identity.certificate);
  const privateKeyPem = read(identity.privateKey);
  const certificate = parse(() => new X509Certificate(certificateChainPem), identity.certificate, 'a certificate');
  const key = parse(() => createPrivateKey(privateKeyPem), identity.privateKey, 'a private key');
  if (!certificate.checkPrivateKey(key)) {
    throw new Error(`${placeOf(identity.privateKey)} is not the key of ${placeOf(identity.certificate)}`);
  }
  return { kind: 'certificate', name, certificateChainPem, privateKeyPem };
}

function readRoots(name: string, { ca }: CertificateProvider, read: Read): Secret {
  if (ca === null) throw new Error('no roots are configured');
  const trustedCaPem = read(ca);
  parse(() => new X509Certificate(trustedCaPem), ca, 'a certificate');
  return { kind: 'validation', name, trustedCaPem, subjectAltNames: [] };
}

/** What the reason quotes may be of a key, so it is left out. */
function parse<T>(parsePem: () => T, source: PemSource, what: string): T {
  try {
    return parsePem();
  } catch {
    throw new Error(`${placeOf(source)} holds no ${what.replace(/^an? /, '')} in PEM`);
  }
}

function placeOf(source: PemSource): string {
  return source.kind === 'file' ? source.path : 'what is inline';
}

function isSame(before: Secret | null, after: Secret | null): boolean {
  return JSON.stringify(before) === JSON.stringify(after);
}
