// The agent's own certificate, signed by the authority of the mesh: asked for once something needs it, with a key that is
// made here and stays in memory, and renewed long before it ends. What is in use stays so until there is a better one.
import { backoffMs } from './backoff.ts';
import type { SignRequest } from './certificate-authority.ts';
import { createCertificateRequest } from './certificate-request.ts';
import type { Log, SetTimer } from './environment.ts';
import { XdsError } from './errors.ts';
import { type IssuedCertificate, readIssued, renewalDelayMs } from './issued-certificate.ts';
import type { WorkloadCertificate } from './model/bootstrap.ts';
import type { Secret } from './model/secret.ts';
import type { ResourceWatcher } from './watchers.ts';

export interface IssuedCertificatesOptions {
  readonly wanted: Pick<WorkloadCertificate, 'identity' | 'lifetimeMs' | 'graceRatio'>;
  readonly sign: SignRequest;
  /** Roots that were there before; `null`: none. Throws. */
  readonly readRoots: () => string | null;
  readonly setTimer: SetTimer;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  readonly log: Log;
}

type Part = 'certificate' | 'roots';

interface Follower {
  readonly part: Part;
  readonly name: string;
  readonly watcher: ResourceWatcher;
}

/** A certificate that is about to end is asked for as often, a fifth more or less. */
const maxRetryMs = 60_000;

export class IssuedCertificates {
  readonly #options: IssuedCertificatesOptions;
  readonly #followers = new Set<Follower>();
  #issued: IssuedCertificate | null = null;
  /** What the authority has judged; `null`: nothing, or well. */
  #refusal: string | null = null;
  #failures = 0;
  #hasBegun = false;
  #isStopped = false;
  /** Of the request under way, or of the time until the next one. */
  #cancel: () => void = () => {};

  constructor(options: IssuedCertificatesOptions) {
    this.#options = options;
  }

  /** Follows our certificate with its key, or the roots of others', as the secret of that name. Answers the end of it. */
  watch(part: Part, name: string, watcher: ResourceWatcher): () => void {
    const follower = { part, name, watcher };
    this.#followers.add(follower);
    queueMicrotask(() => {
      if (this.#followers.has(follower)) this.#tell(follower);
    });
    if (!this.#hasBegun && !this.#isStopped) {
      this.#hasBegun = true;
      this.#ask();
    }
    return () => void this.#followers.delete(follower);
  }

  stop(): void {
    this.#isStopped = true;
    this.#followers.clear();
    this.#cancel();
  }

  #ask(): void {
    const { wanted, sign } = this.#options;
    const { privateKeyPem, requestPem } = createCertificateRequest(wanted.identity);
    this.#cancel = sign(requestPem, wanted.lifetimeMs, (result) => {
      if (this.#isStopped) return;
      if (result.kind === 'signed') this.#take(result.chain, privateKeyPem);
      else this.#fail(result.reason, result.isFinal);
    });
  }

  #take(chain: readonly string[], privateKeyPem: string): void {
    const { now, random, log, wanted, readRoots } = this.#options;
    const before = this.#issued;
    let issued: IssuedCertificate;
    try {
      issued = readIssued(chain, privateKeyPem, chain.length > 1 ? null : readRoots(), now());
    } catch (error) {
      this.#fail(`what it answered cannot be used: ${error instanceof Error ? error.message : String(error)}`, true);
      return;
    }
    this.#issued = issued;
    this.#refusal = null;
    this.#failures = 0;
    const renewalMs = renewalDelayMs(issued.expiresAt, now(), wanted.graceRatio, random());
    log('info', 'a certificate was issued', {
      identity: wanted.identity,
      expires: new Date(issued.expiresAt).toISOString(),
      renewalInSeconds: Math.round(renewalMs / 1000),
    });
    for (const follower of [...this.#followers]) {
      // Roots stay the same from one certificate to the next, as a rule.
      if (follower.part === 'certificate' || issued.rootsPem !== before?.rootsPem) this.#tell(follower);
    }
    this.#askIn(renewalMs);
  }

  #fail(reason: string, isFinal: boolean): void {
    const { now, random, log } = this.#options;
    const retryMs = backoffMs(this.#failures++, random(), maxRetryMs);
    const expiresAt = this.#issued?.expiresAt ?? null;
    const isOver = expiresAt === null || expiresAt <= now();
    log(isOver ? 'error' : 'warn', 'no certificate could be had from the certificate authority', {
      reason,
      retryInSeconds: Math.round(retryMs / 1000),
      ...(expiresAt !== null && { inUseUntil: new Date(expiresAt).toISOString() }),
    });
    const isNews = isFinal && this.#issued === null && this.#refusal !== reason;
    if (isFinal) this.#refusal = reason;
    if (isNews) for (const follower of [...this.#followers]) this.#tell(follower);
    this.#askIn(retryMs);
  }

  #askIn(ms: number): void {
    this.#cancel = this.#options.setTimer(() => this.#ask(), ms);
  }

  #tell({ part, name, watcher }: Follower): void {
    const issued = this.#issued;
    if (issued !== null) watcher.onChanged({ type: 'secret', value: secretOf(issued, part, name) });
    else if (this.#refusal !== null) {
      watcher.onError(new XdsError('rejected', `by the certificate authority: ${this.#refusal}`), false);
    }
  }
}

function secretOf(issued: IssuedCertificate, part: Part, name: string): Secret {
  if (part === 'roots') return { kind: 'validation', name, trustedCaPem: issued.rootsPem, subjectAltNames: [] };
  const { certificateChainPem, privateKeyPem } = issued;
  return { kind: 'certificate', name, certificateChainPem, privateKeyPem };
}
