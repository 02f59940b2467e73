// Secrets wherever they are: on the stream of everything else, in files (the bootstrap's certificate providers, or what is
// mounted into a pod), issued to us by an authority, or at servers of their own, of which each gets a client when it is
// first asked for something.
import { readFileSync } from 'node:fs';
import { signAt } from './certificate-authority.ts';
import type { XdsClientOptions } from './client.ts';
import type { ControlPlaneStatus } from './client-status.ts';
import type { ConfigDump } from './config-dump.ts';
import { nodeTimer } from './environment.ts';
import { FileCertificates } from './file-certificates.ts';
import { IssuedCertificates } from './issued-certificates.ts';
import type { AdsMode, ServerConfig, WorkloadCertificate } from './model/bootstrap.ts';
import type { SecretSource } from './model/tls.ts';
import { MountedSecrets } from './mounted-secrets.ts';
import type { WatchSecret } from './secret-join.ts';
import { createGrpcTransport } from './transport.ts';
import type { ResourceWatcher } from './watchers.ts';
import { XdsClient } from './xds-client.ts';

export interface SecretSourcesOptions
  extends Pick<XdsClientOptions, 'bootstrap' | 'log' | 'readFile' | 'unsupported' | 'userAgentVersion' | 'setTimer'> {
  /** Follows everything else; `null`: nobody does. */
  readonly ads: Pick<XdsClient, 'watch'> | null;
}

/** Kept as long as something is asked of it. */
interface AskedServer {
  readonly client: XdsClient;
  /** Of secrets that are followed. */
  count: number;
}

/** A target that a control plane names gets no credentials, so what it sends must not leave the machine. */
const localTarget = /^(?:unix:|unix-abstract:|(?:dns:(?:\/\/\/)?|ipv4:)?(?:127\.\d+\.\d+\.\d+|localhost):\d+$)/;

export class SecretSources {
  readonly #options: SecretSourcesOptions;
  readonly #asked = new Map<string, AskedServer>();
  readonly #files: FileCertificates;
  /** By the server that would be asked. */
  readonly #mounted: ReadonlyMap<string, MountedSecrets>;
  readonly #issued: IssuedCertificates | null;

  constructor(options: SecretSourcesOptions) {
    this.#options = options;
    const { certificateProviders = {}, secretFiles = {} } = options.bootstrap;
    this.#issued = issuedOf(options);
    const reading = {
      // The bootstrap is the user's own, and names what it likes.
      readFile: (path: string) => readFileSync(path, 'utf8'),
      setTimer: options.setTimer ?? nodeTimer,
      log: options.log,
    };
    this.#files = new FileCertificates({ ...reading, providers: certificateProviders });
    this.#mounted = new Map(
      Object.entries(secretFiles).map(([server, secrets]) => [server, new MountedSecrets(secrets, reading)]),
    );
  }

  readonly watch: WatchSecret = ({ name, source }, watcher) => {
    if (source.kind === 'ads') {
      return this.#options.ads?.watch('secret', name, watcher) ?? { problem: 'would come from a control plane' };
    }
    if (source.kind === 'provider') {
      return this.#watchIssued(name, source, watcher) ?? this.#files.watch(name, source.part, watcher);
    }
    const here =
      this.#mounted.get(source.name)?.watch(name, watcher) ?? this.#watchIssued(name, source, watcher) ?? null;
    if (here !== null) return here;
    const server = this.#serverOf(source);
    if (typeof server === 'string') return { problem: server };
    const key = `${source.mode} ${server.serverUri}`;
    const asked = this.#asked.get(key) ?? this.#ask(key, { ...server, mode: source.mode });
    asked.count += 1;
    const stop = asked.client.watch('secret', name, watcher);
    return () => {
      stop();
      asked.count -= 1;
      if (asked.count > 0) return;
      asked.client.stop();
      this.#asked.delete(key);
    };
  };

  /** What is known of the secrets of each server but the one of everything else. */
  dump(): ConfigDump[] {
    return [...this.#asked.values()].map(({ client }) => client.dump());
  }

  statuses(): ControlPlaneStatus[] {
    return [...this.#asked.values()].flatMap(({ client }) => client.statuses());
  }

  stop(): void {
    this.#files.stop();
    this.#issued?.stop();
    for (const mounted of this.#mounted.values()) mounted.stop();
    for (const { client } of this.#asked.values()) client.stop();
  }

  /** `null`: it is not what is issued to us. */
  #watchIssued(name: string, source: SecretSource, watcher: ResourceWatcher): (() => void) | null {
    const wanted = this.#options.bootstrap.workloadCertificate;
    const part = wanted === undefined ? null : partOf(wanted, name, source);
    return part === null ? null : (this.#issued?.watch(part, name, watcher) ?? null);
  }

  #ask(key: string, server: ServerConfig): AskedServer {
    const { ads: _, bootstrap, ...others } = this.#options;
    const client = new XdsClient({
      ...others,
      bootstrap: { ...bootstrap, servers: [server] },
      transport: (wanted) => createGrpcTransport(wanted, { service: 'secrets' }),
    });
    const asked = { client, count: 0 };
    this.#asked.set(key, asked);
    client.start();
    return asked;
  }

  /** Or why there is none. */
  #serverOf({ kind, name }: Extract<SecretSource, { readonly mode: AdsMode }>): ServerConfig | string {
    const { secretServers = {} } = this.#options.bootstrap;
    if (kind === 'cluster') {
      const server = Object.hasOwn(secretServers, name) ? secretServers[name] : undefined;
      return server ?? 'is at a cluster that the bootstrap does not have';
    }
    if (!localTarget.test(name)) return 'would come in clear text from another machine';
    return { serverUri: name, credentials: { kind: 'insecure' }, features: [] };
  }
}

/** Which part of our own certificate a reference is for; `null`: none. */
function partOf(wanted: WorkloadCertificate, name: string, source: SecretSource): 'certificate' | 'roots' | null {
  if (source.kind === 'provider') return name === wanted.provider ? source.part : null;
  if (source.kind === 'ads' || source.name !== wanted.secretServer) return null;
  if (name === wanted.certificateName) return 'certificate';
  return name === wanted.rootsName ? 'roots' : null;
}

function issuedOf({ bootstrap, setTimer, log }: SecretSourcesOptions): IssuedCertificates | null {
  const wanted = bootstrap.workloadCertificate;
  if (wanted === undefined) return null;
  const { roots } = wanted;
  return new IssuedCertificates({
    wanted,
    sign: signAt(wanted.authority),
    readRoots: () => (roots?.kind === 'file' ? readFileSync(roots.path, 'utf8') : (roots?.pem ?? null)),
    setTimer: setTimer ?? nodeTimer,
    now: Date.now,
    random: Math.random,
    log,
  });
}
