// What a preset may look at, and what it makes of it: the environment and files in, a draft of the bootstrap out. Each
// preset is a pure function of these.
import type {
  AdsModePolicy,
  Bootstrap,
  MetadataSource,
  PemSource,
  WorkloadCertificate,
} from '../../../xds/model/bootstrap.ts';

export interface PresetSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file, `null` where there is none. */
  readonly readFile: (path: string) => string | null;
  /** Whether there is anything at that path: a socket too. */
  readonly exists: (path: string) => boolean;
}

/** TLS to the control plane. `null`: the platform's roots; no certificate of ours. */
export interface PresetTls {
  readonly ca: PemSource | null;
  readonly certificate: PemSource | null;
  readonly privateKey: PemSource | null;
  /** The name in the server's certificate; `null`: the host of the address. */
  readonly serverName: string | null;
}

/** A bootstrap before `OUTRIGGER_*` variables were laid over it. */
export interface PresetDraft {
  /** A gRPC target; empty where there is none to assume. */
  readonly server: string;
  /** `null`: in clear text. */
  readonly tls: PresetTls | null;
  readonly headers: readonly MetadataSource[];
  readonly mode: AdsModePolicy;
  readonly nodeId: string;
  readonly nodeCluster: string;
  readonly nodeMetadata: Readonly<Record<string, unknown>>;
  /** Where secrets come from that are not on the stream of everything else. Absent: nowhere. */
  readonly secretServers?: NonNullable<Bootstrap['secretServers']>;
  /** Secrets that are files. Absent: none. */
  readonly secretFiles?: NonNullable<Bootstrap['secretFiles']>;
  /** Absent: none. */
  readonly certificateProviders?: NonNullable<Bootstrap['certificateProviders']>;
  /** A certificate that the control plane, or whoever is at the address, is asked to sign. Absent: none. */
  readonly workloadCertificate?: Omit<WorkloadCertificate, 'authority'> & { readonly address: string | null };
}

export type Preset = (reader: PresetReader) => PresetDraft;

export const plainTls: PresetTls = { ca: null, certificate: null, privateKey: null, serverName: null };

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads variables and files, noting what is wrong with them. */
export class PresetReader {
  readonly #sources: PresetSources;
  /** `VARIABLE: text` each. */
  readonly problems: string[] = [];
  /** The same, of what is left out. */
  readonly warnings: string[] = [];

  constructor(sources: PresetSources) {
    this.#sources = sources;
  }

  get env(): PresetSources['env'] {
    return this.#sources.env;
  }

  /** The first of these variables that is set and not empty; else empty. */
  first(...names: readonly string[]): string {
    for (const name of names) {
      const value = this.#sources.env[name]?.trim();
      if (value) return value;
    }
    return '';
  }

  /** The same, and none is a problem that says what it is for. */
  required(what: string, ...names: readonly string[]): string {
    const value = this.first(...names);
    if (value === '') this.problems.push(`${names.join(' or ')}: required, ${what}`);
    return value;
  }

  /** A variable that holds a JSON object; absent is empty. */
  object(name: string): Readonly<Record<string, unknown>> {
    const text = this.first(name);
    if (text === '') return {};
    try {
      const json: unknown = JSON.parse(text);
      if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
    } catch {
      // Not JSON at all: the same problem.
    }
    this.problems.push(`${name}: must be a JSON object`);
    return {};
  }

  /** The text of a file that need not be there. */
  file(path: string): string | null {
    return this.#sources.readFile(path);
  }

  exists(path: string): boolean {
    return this.#sources.exists(path);
  }

  /** A duration as Go writes it (`24h`, `1h30m`) in milliseconds; `fallback` where there is none. */
  duration(name: string, fallback: number): number {
    const text = this.first(name);
    if (text === '') return fallback;
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
    const ms = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (unitMs[unit] ?? 0), 0);
    if (parts.map(([part]) => part).join('') === text && ms > 0) return ms;
    this.problems.push(`${name}: must be a duration above 0 such as 24h or 1h30m`);
    return fallback;
  }

  /** A number from 0 to 1. */
  ratio(name: string, fallback: number): number {
    const text = this.first(name);
    const value = text === '' ? fallback : Number(text);
    if (value > 0 && value < 1) return value;
    this.problems.push(`${name}: must be a number between 0 and 1`);
    return fallback;
  }

  /** A file of PEM by the first of these variables that is set; `null` where none is. */
  pemFile(...names: readonly string[]): PemSource | null {
    const path = this.first(...names);
    return path === '' ? null : { kind: 'file', path };
  }
}

/** Members that are not empty. */
export function filled(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== '' && value !== undefined));
}
