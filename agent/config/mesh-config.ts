// mesh.yaml to `Mesh`, or to every problem in it at once.
import { formatAddress, type SocketAddress } from '../../xds/model/address.ts';
import type {
  Mesh,
  MeshAgent,
  MeshClient,
  MeshCommand,
  MeshHeaderMatch,
  MeshInstance,
  MeshRoute,
  MeshService,
  MethodMatch,
  VersionShare,
} from './mesh.ts';
import { type ConfigProblem, type YamlEntry, type YamlPlace, YamlReader } from './yaml-reader.ts';

const mostWeight = 1_000_000;

/** What `run` may name in braces: facts of the instance it starts. */
const placeholders = ['app', 'name', 'version', 'inbound', 'outbound'];

export type ParsedMesh = { readonly mesh: Mesh } | { readonly problems: readonly ConfigProblem[] };

/** The mesh in `text`, or what is wrong with it: at least one problem, in the order of the file. Never throws. */
export function parseMeshConfig(text: string): ParsedMesh {
  const reader = new YamlReader(text);
  // What does not parse has no meaning to check.
  if (reader.problems.length > 0) return { problems: reader.problems };
  const mesh = new MeshParser(reader).read();
  return reader.problems.length > 0 ? { problems: reader.problems } : { mesh };
}

class MeshParser {
  readonly #reader: YamlReader;
  readonly #portOwners = new Map<string, string>();
  readonly #instanceOwners = new Map<string, string>();
  #agents: readonly MeshAgent[] = [];

  constructor(reader: YamlReader) {
    this.#reader = reader;
  }

  read(): Mesh {
    const root = this.#reader.root;
    const fields = this.#reader.fields(root, ['services', 'agents', 'clients']);
    // Agents first: instances refer to them.
    this.#agents = this.#named(fields.agents).map((entry) => this.#agent(entry));
    const services = this.#named(fields.services).map((entry) => this.#service(entry));
    if (services.length === 0) this.#reader.problem(fields.services ?? root, 'a mesh has at least one service');
    const clients = this.#named(fields.clients).flatMap((entry) => this.#client(entry));
    return { services, agents: this.#agents, clients };
  }

  #agent(entry: YamlEntry): MeshAgent {
    const fields = this.#reader.fields(entry, ['outbound', 'admin']);
    return {
      name: entry.key,
      outbound: this.#port(fields.outbound, `agent ${entry.key} (outbound)`),
      admin: this.#port(fields.admin, `agent ${entry.key} (admin)`),
    };
  }

  #client(entry: YamlEntry): readonly MeshClient[] {
    const run = this.#command(this.#reader.fields(entry, ['run']).run);
    if (run === null) this.#reader.problem(entry, 'a client needs "run", the command that starts it');
    return run === null ? [] : [{ name: entry.key, run }];
  }

  #service(entry: YamlEntry): MeshService {
    const fields = this.#reader.fields(entry, ['instances', 'split', 'routes', 'run']);
    const run = this.#command(fields.run);
    const entries = this.#named(fields.instances);
    const instances = entries.map((instance) => this.#instance(instance, entry.key, run));
    if (instances.length === 0) this.#reader.problem(fields.instances ?? entry, 'a service has at least one instance');

    const versions = [...new Set(instances.flatMap(({ version }) => version ?? []))];
    for (const [index, { version }] of instances.entries()) {
      if (version === null && versions.length > 0) {
        this.#reader.problem(
          entries[index]?.keyPlace ?? entry,
          'needs a "version", since other instances of the service have one',
        );
      }
    }
    return {
      name: entry.key,
      split: fields.split === undefined ? sharesOf(instances, versions) : this.#split(fields.split, versions),
      routes: fields.routes === undefined ? [] : this.#routes(fields.routes, versions),
      instances,
    };
  }

  #instance(entry: YamlEntry, service: string, serviceRun: MeshCommand | null): MeshInstance {
    const reader = this.#reader;
    // Instances are listeners, processes and names on a page, so a name means one instance in the whole mesh.
    const owner = this.#instanceOwners.get(entry.key);
    if (owner === undefined) this.#instanceOwners.set(entry.key, service);
    else reader.problem(entry.keyPlace, `"${entry.key}" is already an instance of ${owner}`);
    const fields = reader.fields(entry, ['app', 'version', 'weight', 'agent', 'inbound', 'run']);
    if (fields.app === undefined) reader.problem(entry.keyPlace, 'needs "app", the address where the program listens');
    return {
      name: entry.key,
      version: fields.version === undefined ? null : this.#name(fields.version, reader.text(fields.version)),
      weight: fields.weight === undefined ? 1 : (reader.integer(fields.weight, 1, mostWeight) ?? 1),
      app: this.#port(fields.app, `${entry.key} (app)`) ?? { host: '0.0.0.0', port: 1 },
      behind: this.#behind(entry, fields.agent, fields.inbound),
      run: this.#command(fields.run) ?? serviceRun,
    };
  }

  #behind(entry: YamlEntry, agent: YamlEntry | undefined, inbound: YamlEntry | undefined): MeshInstance['behind'] {
    const address = this.#port(inbound, `${entry.key} (inbound)`);
    if (agent === undefined && inbound === undefined) return null;
    if (agent === undefined || inbound === undefined) {
      const [here, missing] = agent === undefined ? ['inbound', 'agent'] : ['agent', 'inbound'];
      this.#reader.problem(
        entry.keyPlace,
        `"${here}" without "${missing}": an agent takes the calls at an address of its own`,
      );
      return null;
    }
    const name = this.#reader.text(agent);
    if (name === null || address === null) return null;
    const names = this.#agents.map((known) => known.name);
    if (!names.includes(name)) this.#reader.unknownName(agent, 'agent', name, names);
    return { agent: name, inbound: address };
  }

  #routes(place: YamlPlace, versions: readonly string[]): MeshRoute[] {
    return this.#reader.items(place).map((item) => {
      const fields = this.#reader.fields(item, ['method', 'headers', 'to']);
      if (fields.method === undefined && fields.headers === undefined) {
        this.#reader.problem(item, 'a route matches a "method" or "headers"; what matches none follows "split"');
      }
      if (fields.to === undefined) this.#reader.problem(item, 'needs "to", a version or a split');
      return {
        method: fields.method === undefined ? null : this.#method(fields.method),
        headers: fields.headers === undefined ? [] : this.#headers(fields.headers),
        split: fields.to === undefined ? [] : this.#split(fields.to, versions),
      };
    });
  }

  /** `v1`, or `{ v1: 90, v2: 10 }`; versions that are not named get nothing. */
  #split(place: YamlPlace, versions: readonly string[]): VersionShare[] {
    const reader = this.#reader;
    const weights = new Map<string, number>();
    if (!reader.isMap(place)) {
      const version = reader.text(place);
      if (version === null) return [];
      if (!versions.includes(version)) reader.unknownName(place, 'version', version, versions);
      weights.set(version, 1);
    }
    for (const entry of reader.isMap(place) ? reader.entries(place) : []) {
      if (!versions.includes(entry.key)) reader.unknownName(entry.keyPlace, 'version', entry.key, versions);
      weights.set(entry.key, reader.integer(entry, 0, mostWeight) ?? 1);
    }
    // A sum above 32 bits is refused by every client (envoy.config.route.v3.WeightedCluster).
    const sum = [...weights.values()].reduce((total, weight) => total + weight, 0);
    if (sum < 1 || sum > 0xffff_ffff) reader.problem(place, `the shares sum to ${sum}; they must sum to 1 or more`);
    return versions.map((version) => ({ version, weight: weights.get(version) ?? 0 }));
  }

  #method(place: YamlPlace): MethodMatch | null {
    const text = this.#reader.text(place);
    if (text === null) return null;
    if (/^[\w.]+$/.test(text)) return { kind: 'prefix', value: `/${text}/` };
    if (/^[\w.]+(?:\/\w*)?\*$/.test(text)) return { kind: 'prefix', value: `/${text.slice(0, -1)}` };
    if (/^[\w.]+\/\w+$/.test(text)) return { kind: 'exact', value: `/${text}` };
    const forms = 'package.Service, package.Service/Method, or either with a * at its end';
    this.#reader.problem(place, `"${text}" names no method; write ${forms}`);
    return null;
  }

  #headers(place: YamlPlace): MeshHeaderMatch[] {
    return this.#reader.entries(place).flatMap((entry): MeshHeaderMatch[] => {
      const name = entry.key.toLowerCase();
      if (!/^[a-z0-9_.-]+$/.test(name) || name.endsWith('-bin')) {
        this.#reader.problem(entry.keyPlace, `"${entry.key}" is no name of a text header`);
        return [];
      }
      const text = this.#reader.text(entry);
      if (text === null) return [];
      if (text === '*') return [{ name, match: { kind: 'present' } }];
      if (text.endsWith('*')) return [{ name, match: { kind: 'prefix', value: text.slice(0, -1) } }];
      return [{ name, match: { kind: 'exact', value: text } }];
    });
  }

  /** Words between spaces, or a list of words where one holds a space. */
  #command(place: YamlPlace | undefined): MeshCommand | null {
    if (place === undefined) return null;
    const words = this.#reader.isList(place)
      ? this.#reader.items(place).flatMap((item) => this.#reader.text(item) ?? [])
      : (this.#reader.text(place)?.split(/\s+/).filter(Boolean) ?? []);
    for (const [, placeholder = ''] of words.join(' ').matchAll(/\{(\w+)\}/g)) {
      if (!placeholders.includes(placeholder))
        this.#reader.unknownName(place, 'placeholder', placeholder, placeholders);
    }
    return words.length === 0 ? null : words;
  }

  /** Entries whose keys are names: what a DNS label may hold, since services are called by them. */
  #named(place: YamlEntry | undefined): YamlEntry[] {
    if (place === undefined) return [];
    return this.#reader.entries(place).filter((entry) => this.#name(entry.keyPlace, entry.key) !== null);
  }

  #name(place: YamlPlace, name: string | null): string | null {
    if (name === null || /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/i.test(name)) return name;
    this.#reader.problem(place, `"${name}" is no name: letters, digits, "-", "_" and ".", at most 63`);
    return null;
  }

  /** An address that something listens on: no two things may share it. */
  #port(place: YamlEntry | undefined, owner: string): SocketAddress | null {
    const address = place === undefined ? null : this.#reader.address(place);
    if (place === undefined || address === null) return null;
    const key = formatAddress(address);
    const other = this.#portOwners.get(key);
    if (other === undefined) this.#portOwners.set(key, owner);
    else this.#reader.problem(place, `${key} is taken by ${other}`);
    return address;
  }
}

/** Without a split every instance gets the same share, whatever its version. */
function sharesOf(instances: readonly MeshInstance[], versions: readonly string[]): VersionShare[] {
  return versions.map((version) => {
    const own = instances.filter((instance) => instance.version === version);
    return { version, weight: own.reduce((sum, { weight }) => sum + weight, 0) };
  });
}
