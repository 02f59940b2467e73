// agent.yaml to resources of the model, or to every problem in it at once. Pure, but for the files that it names, which
// are read by the function that is given.
import type { SocketAddress } from '../../../xds/model/address.ts';
import type { Resource } from '../../../xds/model/resource.ts';
import type { ParsedConfig } from '../config-source.ts';
import { formatProblem, type YamlEntry, YamlReader } from '../yaml-reader.ts';
import { type Backend, readBackend } from './backend-reader.ts';
import { FileContext, type ReadFile } from './file-context.ts';
import { readFrontends } from './frontend-reader.ts';

/** What counts when the agent starts; a later save does not change it. */
export interface AgentFileSettings {
  readonly node: { readonly id: string; readonly cluster: string };
  /** Where the admin server binds; `null`: the file does not say. */
  readonly admin: SocketAddress | null;
  /** Variables that stand in for those that the environment does not set. */
  readonly env: Readonly<Record<string, string>>;
}

export type ParsedAgentFile = ParsedConfig & { readonly settings: AgentFileSettings };

export interface AgentFileOptions {
  /** As messages call it. */
  readonly name: string;
  /** That the paths in it start from. */
  readonly folder: string;
  readonly readFile: ReadFile;
}

/** The problems are `file:line:column: text` each, in the order of the file. Never throws. */
export function parseAgentFile(text: string, { name, folder, readFile }: AgentFileOptions): ParsedAgentFile {
  const reader = new YamlReader(text);
  const context = new FileContext(reader, folder, readFile);
  const warnings: string[] = [];
  // What does not parse has no meaning to check.
  const isYaml = reader.problems.length === 0;
  const fields = isYaml ? reader.fields(reader.root, ['node', 'admin', 'telemetry', 'frontends', 'backends']) : {};
  const resources = isYaml
    ? readResources(context, fields, (entry, message) => warnings.push(reader.format(name, entry, message)))
    : [];
  const settings = {
    node: readNode(reader, fields.node),
    admin: fields.admin === undefined ? null : reader.address(fields.admin, 0),
    env: readTelemetry(reader, fields.telemetry),
  };
  return {
    resources,
    problems: reader.problems.map((problem) => formatProblem(name, problem)),
    warnings,
    files: context.files,
    settings,
  };
}

type Warn = (place: YamlEntry, message: string) => void;

function readResources(
  context: FileContext,
  fields: { readonly frontends?: YamlEntry; readonly backends?: YamlEntry },
  warn: Warn,
): Resource[] {
  const { reader } = context;
  const backends = new Map<string, Backend>();
  for (const entry of fields.backends === undefined ? [] : reader.entries(fields.backends)) {
    if (!/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/i.test(entry.key)) {
      reader.problem(entry.keyPlace, `"${entry.key}" is no name: letters, digits, "-", "_" and ".", at most 63`);
    }
    backends.set(entry.key, readBackend(context, entry));
  }
  if (fields.frontends === undefined) reader.problem(reader.root, 'needs "frontends", where calls arrive');
  const used = new Set<string>();
  const resources = fields.frontends === undefined ? [] : readFrontends(context, fields.frontends, backends, used);
  if (fields.frontends !== undefined && resources.length === 0)
    reader.problem(fields.frontends, 'there is no frontend');
  for (const [name, { place }] of backends) {
    if (!used.has(name)) warn({ ...place, ...place.keyPlace }, `no route sends calls to the backend "${name}"`);
  }
  const clusters = [...backends.values()].map(({ cluster }): Resource => ({ type: 'cluster', value: cluster }));
  return [...clusters, ...resources];
}

function readNode(reader: YamlReader, place: YamlEntry | undefined): AgentFileSettings['node'] {
  const { id, cluster } = place === undefined ? {} : reader.fields(place, ['id', 'cluster']);
  return {
    id: id === undefined ? 'outrigger' : (reader.text(id) ?? ''),
    cluster: cluster === undefined ? '' : (reader.text(cluster) ?? ''),
  };
}

/** What the variables of OpenTelemetry say in the environment goes before it. */
function readTelemetry(reader: YamlReader, place: YamlEntry | undefined): Record<string, string> {
  if (place === undefined) return {};
  const {
    service_name: serviceName,
    otlp_endpoint: endpoint,
    sample_ratio: ratio,
  } = reader.fields(place, ['service_name', 'otlp_endpoint', 'sample_ratio']);
  const env: Record<string, string> = {};
  const serviceText = serviceName === undefined ? null : reader.text(serviceName);
  if (serviceText !== null) env['OTEL_SERVICE_NAME'] = serviceText;
  const endpointText = endpoint === undefined ? null : reader.text(endpoint);
  if (endpoint !== undefined && endpointText !== null) {
    if (!/^https?:\/\/[^/\s]+/.test(endpointText)) reader.problem(endpoint, `"${endpointText}" is no http URL`);
    env['OTEL_EXPORTER_OTLP_ENDPOINT'] = endpointText;
  }
  const ratioText = ratio === undefined ? null : reader.text(ratio);
  if (ratio !== undefined && ratioText !== null) {
    if (!/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/.test(ratioText)) reader.problem(ratio, 'expected a number from 0 to 1');
    env['OTEL_TRACES_SAMPLER'] = 'parentbased_traceidratio';
    env['OTEL_TRACES_SAMPLER_ARG'] = ratioText;
  }
  return env;
}
