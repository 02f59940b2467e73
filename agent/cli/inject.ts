// `outrigger inject`, `uninject` and `preflight`: Kubernetes YAML in, Kubernetes YAML out.
import { writeFile } from 'node:fs/promises';
import { nearestName } from '../config/nearest-name.ts';
import { type InjectionResult, type InjectorOptions, injectText, uninjectText } from '../inject/injector.ts';
import { formatReport } from '../inject/report.ts';
import { unifiedDiff } from '../inject/unified-diff.ts';
import { type Command, type Flag, type FlagValues, UsageError } from './command-line.ts';
import { SETTING_FLAGS, settingsLayer } from './inject-settings.ts';
import { FILE_FLAG, joinManifests, type Manifest, readManifests } from './manifests.ts';

const OUTPUT_FLAGS: readonly Flag[] = [
  FILE_FLAG,
  { name: 'diff', help: 'print the change instead of the whole' },
  { name: 'write', help: 'change the files themselves, and print nothing' },
];

const NAMESPACE_FLAG: Flag = {
  name: 'namespace',
  short: 'n',
  value: 'NAME',
  help: 'of objects that name none (default)',
};

export const injectCommand: Command = {
  name: 'inject',
  summary: 'put the sidecar and the interception into Kubernetes YAML',
  details: [
    'What has pods gets the sidecar; every other byte stays. Standard output is YAML, standard error says what was done to',
    'each object. Each setting below is an annotation too (outrigger.mesh/NAME), on the pod or on what has it, and there',
    'it wins; outrigger.mesh/inject: disabled leaves a pod out. Example: outrigger inject -f shop.yaml | kubectl apply -f -',
  ],
  flags: [...OUTPUT_FLAGS, NAMESPACE_FLAG, ...SETTING_FLAGS],
  run: async (flags, version) => {
    const options = injectorOptions(flags, version);
    return run(flags, 'inject', (text) => injectText(text, options));
  },
};

export const uninjectCommand: Command = {
  name: 'uninject',
  summary: 'take out again what inject put in, to the byte',
  details: [],
  flags: OUTPUT_FLAGS,
  run: async (flags) => run(flags, 'uninject', uninjectText),
};

export const preflightCommand: Command = {
  name: 'preflight',
  summary: 'say what would hurt in a pod with the sidecar, before it does',
  details: ['Exit code 0 where nothing is known not to work, 1 otherwise. The settings are those of inject.'],
  flags: [FILE_FLAG, NAMESPACE_FLAG, ...SETTING_FLAGS],
  run: async (flags, version) => {
    const options = injectorOptions(flags, version);
    let hasFault = false;
    for (const { name, result } of workOn(await readManifests(flags, 'preflight'), (text) =>
      injectText(text, options),
    )) {
      for (const report of result.reports) {
        if (report.outcome.kind === 'other') continue;
        hasFault ||= report.outcome.kind === 'failed';
        if ('findings' in report.outcome) hasFault ||= report.outcome.findings.some(({ kind }) => kind === 'fault');
        process.stdout.write(`${preflightLines(name, report).join('\n')}\n`);
      }
    }
    return hasFault ? 1 : 0;
  },
};

function preflightLines(file: string, report: InjectionResult['reports'][number]): string[] {
  const [first = '', ...details] = formatReport(file, report);
  if (!('findings' in report.outcome)) return [first, ...details];
  const object = first.slice(0, first.lastIndexOf(' '));
  return details.length === 0 ? [`${object} sound`] : [object, ...details];
}

function injectorOptions(flags: FlagValues, version: string): InjectorOptions {
  const namespace = flags.text('namespace') ?? 'default';
  return { version, flags: settingsLayer(flags), namespace, suggest: nearestName };
}

interface Worked {
  readonly name: string;
  readonly before: string;
  readonly result: InjectionResult;
}

/** Throws an Error that names the file, line and column where one is no YAML. */
function workOn(manifests: readonly Manifest[], work: (text: string) => InjectionResult): Worked[] {
  return manifests.map(({ name, text }) => {
    try {
      return { name, before: text, result: work(text) };
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}

/** Nothing goes out where one object failed: half of it might be applied. */
async function run(flags: FlagValues, command: string, work: (text: string) => InjectionResult): Promise<number> {
  if (flags.has('write') && flags.has('diff')) throw new UsageError('--write and --diff exclude each other');
  if (flags.has('write') && flags.text('filename') === '-') throw new UsageError('--write wants a file or a folder');
  const worked = workOn(await readManifests(flags, command), work);
  const reports = worked.flatMap(({ name, result }) => result.reports.map((report) => ({ name, report })));
  for (const { name, report } of reports) process.stderr.write(`${formatReport(name, report).join('\n')}\n`);
  if (reports.some(({ report }) => report.outcome.kind === 'failed')) return 1;
  if (flags.has('write')) {
    for (const { name, before, result } of worked) if (result.text !== before) await writeFile(name, result.text);
  } else if (flags.has('diff')) {
    process.stdout.write(worked.map(({ name, before, result }) => unifiedDiff(name, before, result.text)).join(''));
  } else process.stdout.write(joinManifests(worked.map(({ result }) => result.text)));
  return 0;
}
