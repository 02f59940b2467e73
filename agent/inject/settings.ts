// What can be said about an injection, once: a flag of the command line, an annotation of a pod and a default are the same
// setting. Whoever is nearer to the pod wins: default, flag, annotations of the namespace, of the pod's owner, of the pod.
import { isIP } from 'node:net';
import { ANNOTATION_PREFIX, INJECT_ANNOTATION, STATUS_ANNOTATION } from './names.ts';

/** What a text means, or what is wrong with it (a sentence's end: `must be ...`). */
type Parsed<T> = { readonly value: T } | { readonly problem: string };

export interface Setting<T> {
  /** What stands behind the flag in the help. */
  readonly placeholder: string;
  readonly help: string;
  readonly fallback: string;
  readonly parse: (text: string) => Parsed<T>;
}

function setting<T>(
  placeholder: string,
  fallback: string,
  parse: (text: string) => Parsed<T>,
  help: string,
): Setting<T> {
  return { placeholder, help, fallback, parse };
}

const anyText = (text: string): Parsed<string> => ({ value: text });

function word<Word extends string>(...words: readonly Word[]): (text: string) => Parsed<Word> {
  return (text) => {
    const value = words.find((candidate) => candidate === text);
    return value === undefined ? { problem: `must be ${words.filter((one) => one !== '').join(' or ')}` } : { value };
  };
}

function number(min: number, max: number): (text: string) => Parsed<number> {
  return (text) => {
    const value = Number(text);
    const isFine = /^\d+$/.test(text) && value >= min && value <= max;
    return isFine ? { value } : { problem: `must be a whole number from ${min} to ${max}` };
  };
}

/** A Kubernetes quantity; empty for none. */
function quantity(text: string): Parsed<string> {
  const isFine = text === '' || /^(?:\d+(?:\.\d+)?|\.\d+)(?:m|[kMGTPE]i?|Ki)?$/.test(text);
  return isFine ? { value: text } : { problem: 'must be a quantity of Kubernetes, as 100m or 128Mi' };
}

/** Items between commas, each sound. */
function list(what: string, isFine: (item: string) => boolean): (text: string) => Parsed<readonly string[]> {
  return (text) => {
    const items = text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
    const wrong = items.find((item) => !isFine(item));
    return wrong === undefined ? { value: items } : { problem: `must be ${what} between commas; '${wrong}' is none` };
  };
}

const isPort = (text: string): boolean => /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;

/** `8080`, `9000-9010`. */
export function isPortRange(text: string): boolean {
  const [from = '', to = from, ...more] = text.split('-');
  return more.length === 0 && isPort(from) && isPort(to) && Number(from) <= Number(to);
}

/** An address, or one with a prefix length: `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d+$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** `NAME=VALUE` a line or between commas, where a value holds none. */
function variables(text: string): Parsed<readonly (readonly [string, string])[]> {
  const items = text
    .split(text.includes('\n') ? '\n' : ',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const wrong = items.find((item) => !/^[A-Za-z_][A-Za-z0-9_.-]*=/.test(item));
  if (wrong !== undefined) return { problem: `must be NAME=VALUE, between commas or a line each; '${wrong}' is none` };
  const split = (item: string) => [item.slice(0, item.indexOf('=')), item.slice(item.indexOf('=') + 1)] as const;
  return { value: items.map(split) };
}

function bootstrapJson(text: string): Parsed<string> {
  if (text === '') return { value: '' };
  try {
    JSON.parse(text);
    return { value: text };
  } catch {
    return { problem: 'must be JSON, the bootstrap of proxyless gRPC' };
  }
}

const ports = list('ports or ranges (8080, 9000-9010)', isPortRange);
const networks = list('addresses or networks (10.0.0.0/8)', isNetwork);
const uids = list('user ids', (text) => /^\d+$/.test(text));
const presets = ['istio', 'istio-grpc', 'consul', 'envoy-gateway', 'kuma', 'gloo', 'generic', ''] as const;

/** The name of a setting is its flag's and its annotation's, without dashes or prefix. */
export const settings = {
  form: setting(
    'FORM',
    'native',
    word('native', 'classic'),
    'native (an init container that goes on, Kubernetes 1.29 and later) or classic (a container)',
  ),
  image: setting('IMAGE', 'outrigger', anyText, "the agent's image; without a tag the version of this program"),
  'image-pull-policy': setting(
    'POLICY',
    '',
    word('Always', 'IfNotPresent', 'Never', ''),
    'Always, IfNotPresent or Never (what Kubernetes assumes)',
  ),
  'control-plane': setting(
    'PRESET',
    '',
    word(...presets),
    'how the agent introduces itself, as `outrigger run` has it',
  ),
  'xds-server': setting('HOST:PORT', '', anyText, 'the control plane, where a preset assumes none or another one'),
  bootstrap: setting('JSON', '', bootstrapJson, 'a bootstrap of proxyless gRPC, instead of a preset'),
  'bootstrap-config-map': setting(
    'NAME',
    '',
    anyText,
    'a ConfigMap of the namespace whose bootstrap.json is the bootstrap, instead of a preset',
  ),
  interception: setting(
    'WAY',
    'none',
    word('none', 'redirect'),
    "none (the application's addresses name the agent) or redirect (all TCP of the pod goes to the agent: gRPC by its authority, the rest as bytes)",
  ),
  'exclude-inbound-ports': setting('PORTS', '', ports, 'ports of the pod that are reached without the agent'),
  'exclude-outbound-ports': setting('PORTS', '', ports, 'ports that the pod reaches without the agent'),
  'exclude-outbound-cidrs': setting('CIDRS', '', networks, 'networks that the pod reaches without the agent'),
  // What linkerd takes for opaque: SMTP and submission, MySQL and Galera, PostgreSQL, Redis, Elasticsearch, Memcached.
  'opaque-ports': setting(
    'PORTS',
    '25,587,3306,4444,4567,4568,5432,6379,9300,11211',
    ports,
    'ports, of the pod and of others, whose bytes are passed on without a look at them, as their servers speak first',
  ),
  'exclude-uids': setting('UIDS', '', uids, 'users of the pod whose connections go without the agent'),
  // No other mesh's: Istio has 1337, linkerd 2102, Kuma 5678, Consul 5995.
  uid: setting('UID', '15015', number(1, 2_147_483_647), "the agent's own user, which no other container may have"),
  'rewrite-probes': setting(
    'ON',
    'true',
    word('true', 'false'),
    'true: the agent asks the application on behalf of the kubelet; false: probes stay as they are',
  ),
  'log-level': setting('LEVEL', 'info', word('debug', 'info', 'warn', 'error'), 'debug, info, warn or error'),
  concurrency: setting('N', '1', number(1, 256), 'data-plane threads'),
  unsupported: setting(
    'POLICY',
    'warn',
    word('reject', 'warn', 'ignore'),
    'what to do with configuration that is not carried out: reject, warn or ignore',
  ),
  'cpu-request': setting('CPU', '50m', quantity, 'what the scheduler sets aside; empty for nothing'),
  'cpu-limit': setting('CPU', '', quantity, 'the most it may take; empty for no limit'),
  'memory-request': setting('MEMORY', '160Mi', quantity, 'what the scheduler sets aside; empty for nothing'),
  'memory-limit': setting('MEMORY', '', quantity, 'the most it may take; empty for no limit'),
  'token-audience': setting('NAME', '', anyText, 'whom the token for the control plane is for; a preset knows its own'),
  env: setting('NAME=VALUE,...', '', variables, "further variables of the agent's"),
} as const;

export type SettingName = keyof typeof settings;

export const settingNames = Object.keys(settings) as readonly SettingName[];

export type InjectSettings = {
  readonly [Name in SettingName]: (typeof settings)[Name] extends Setting<infer T> ? T : never;
};

/** Texts by name of their setting, and how a problem names its place: `--uid`, `annotation outrigger.mesh/uid`. */
export interface SettingsLayer {
  readonly texts: Readonly<Record<string, string>>;
  readonly spell: (name: string) => string;
}

/** The right word for a wrong one among these; `null`: none is near. */
export type Suggest = (word: string, words: readonly string[]) => string | null;

/** Later layers win. All problems at once. */
export function readSettings(
  layers: readonly SettingsLayer[],
  suggest: Suggest,
): { readonly settings: InjectSettings } | { readonly problems: readonly string[] } {
  const problems: string[] = [];
  const found: Record<string, unknown> = {};
  for (const [name, { fallback, parse }] of Object.entries(settings)) {
    const parsed = parse(fallback);
    if ('value' in parsed) found[name] = parsed.value;
  }
  for (const { texts, spell } of layers) {
    for (const [name, text] of Object.entries(texts)) {
      const known = settingNames.find((candidate) => candidate === name);
      if (known === undefined) {
        const nearest = suggest(name, settingNames);
        const hint = nearest === null ? '' : ` (did you mean ${nearest}?)`;
        problems.push(`${spell(name)}: there is no such setting${hint}`);
        continue;
      }
      const parsed = settings[known].parse(text);
      if ('problem' in parsed) problems.push(`${spell(name)}: ${parsed.problem}, not '${text}'`);
      else found[name] = parsed.value;
    }
  }
  return problems.length > 0 ? { problems } : { settings: found as InjectSettings };
}

/** The settings among annotations; whether to inject, and what was done, are none. */
export function annotationLayer(annotations: Readonly<Record<string, unknown>>): SettingsLayer {
  const texts: Record<string, string> = {};
  for (const [key, value] of Object.entries(annotations)) {
    if (!key.startsWith(ANNOTATION_PREFIX) || key === INJECT_ANNOTATION || key === STATUS_ANNOTATION) continue;
    texts[key.slice(ANNOTATION_PREFIX.length)] = String(value);
  }
  return { texts, spell: (name) => `annotation ${ANNOTATION_PREFIX}${name}` };
}
