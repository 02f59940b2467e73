// Secrets of a server that are files here, in place of asking it: by the names that the bootstrap gives them, or that
// istiod gives to files which are mounted into the pod (`file-cert:CHAIN~KEY`, `file-root:CA`).
import { FileCertificates, type FileCertificatesOptions } from './file-certificates.ts';
import type { CertificateProvider, PemSource, TlsFiles } from './model/bootstrap.ts';
import type { ResourceWatcher } from './watchers.ts';

const refreshMs = 10_000;

export class MountedSecrets {
  readonly #secrets: Readonly<Record<string, TlsFiles>>;
  readonly #providers: Record<string, CertificateProvider> = Object.create(null);
  readonly #files: FileCertificates;

  /** @param secrets by name, each a certificate with its key, or else roots. */
  constructor(secrets: Readonly<Record<string, TlsFiles>>, options: Omit<FileCertificatesOptions, 'providers'>) {
    this.#secrets = secrets;
    this.#files = new FileCertificates({ ...options, providers: this.#providers });
  }

  /** Answers the end of it; `null`: there is no file for that name. */
  watch(name: string, watcher: ResourceWatcher): (() => void) | null {
    const files = Object.hasOwn(this.#secrets, name) ? this.#secrets[name] : filesOfName(name);
    if (!files) return null;
    this.#providers[name] ??= { ...files, refreshMs };
    const followed = this.#files.watch(name, files.identity === null ? 'roots' : 'certificate', watcher);
    return 'problem' in followed ? null : followed;
  }

  stop(): void {
    this.#files.stop();
  }
}

/** `null`: the name says nothing of files. */
export function filesOfName(name: string): TlsFiles | null {
  const [, chain, key] = /^file-cert:([^~]+)~([^~]+)$/.exec(name) ?? [];
  if (chain !== undefined && key !== undefined) {
    return { ca: null, identity: { certificate: fileAt(chain), privateKey: fileAt(key) } };
  }
  const [, ca] = /^file-root:([^~]+)$/.exec(name) ?? [];
  return ca === undefined ? null : { ca: fileAt(ca), identity: null };
}

function fileAt(path: string): PemSource {
  return { kind: 'file', path };
}
