// Every fixture through the injector and back (sidecars.md sections 4a to 4d): what is not ours stays, to the byte.
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { applyPatch } from '../../agent/inject/apply-patch.ts';
import { parseStatus } from '../../agent/inject/injection-status.ts';
import { type InjectionResult, injectText, uninjectText } from '../../agent/inject/injector.ts';
import { type Json, objectOf } from '../../agent/inject/json.ts';
import { podPatch } from '../../agent/inject/json-patch.ts';
import { STATUS_ANNOTATION } from '../../agent/inject/names.ts';
import { planPod } from '../../agent/inject/pod-plan.ts';
import { annotationsOf, findObjects, valueAt } from '../../agent/inject/pod-template.ts';
import { annotationLayer, readSettings } from '../../agent/inject/settings.ts';
import { unifiedDiff } from '../../agent/inject/unified-diff.ts';

const FOLDER = new URL('fixtures/', import.meta.url);
const fixtures = readdirSync(FOLDER).map((name) => ({ name, text: readFileSync(new URL(name, FOLDER), 'utf8') }));

const forms = ['native', 'classic'] as const;
type Form = (typeof forms)[number];

const flagsOf = (form: Form) => ({ texts: { form, interception: 'redirect' }, spell: (name: string) => `--${name}` });

function inject(text: string, form: Form = 'native'): InjectionResult {
  return injectText(text, { version: '9.9.9', flags: flagsOf(form), namespace: 'default', suggest: () => null });
}

/** What happens to the objects of a fixture that are not simply injected. */
const otherOutcomes: Readonly<Record<string, string>> = {
  'several-documents.yaml': 'injected other injected injected',
  'documents-with-markers.yaml': 'injected injected',
  'list.yaml': 'injected injected other',
  'list.json': 'injected other',
  'empty-list.yaml': '',
  'no-pods.yaml': 'other other',
  'custom-resource.yaml': 'other',
  'merged-volumes.yaml': 'failed',
  'aliased-template.yaml': 'failed failed',
  'failing-annotations.yaml': 'failed',
  'skipped-host-network.yaml': 'skipped',
  'skipped-system-namespace.yaml': 'skipped',
  'skipped-istio.yaml': 'skipped',
  'skipped-linkerd.yaml': 'skipped',
  'skipped-disabled.yaml': 'skipped',
  'skipped-disabled-by-its-owner.yaml': 'skipped',
  'skipped-disabled-by-label.yaml': 'skipped',
  'skipped-windows.yaml': 'skipped',
  'skipped-another-outrigger.yaml': 'skipped',
};

test('there are fixtures of every kind', (t) => {
  t.true(fixtures.length >= 60, `${fixtures.length}`);
  for (const name of Object.keys(otherOutcomes))
    t.true(
      fixtures.some((fixture) => fixture.name === name),
      name,
    );
});

for (const { name, text } of fixtures) {
  for (const form of forms) {
    test(`${name} in the ${form} form: as expected, and back to the byte`, (t) => {
      const { text: result, reports } = inject(text, form);
      const outcomes = reports.map(({ outcome }) => outcome.kind).join(' ');
      t.is(outcomes, otherOutcomes[name] ?? 'injected', JSON.stringify(reports));
      if (!outcomes.includes('injected')) t.is(result, text);
      t.is(uninjectText(result).text, text);
      t.is(inject(result, form).text, result, 'a second time changes nothing');
      const originals = originalsIn(result);
      const touched = lostLines(text, result).filter(
        // A flow collection on a line of its own gets its additions in its middle.
        (line) => !/[[{]/.test(line) && !originals.some((text) => text.includes(line) || line.includes(text)),
      );
      t.deepEqual(touched, [], 'lines are added, and none is touched but those that the status keeps');
    });

    test(`${name} in the ${form} form: says what the webhook's patch says`, (t) => {
      const { text: result } = inject(text, form);
      for (const [i, document] of documentsOf(text).entries()) {
        t.deepEqual(normal(documentsOf(result)[i]!), normal(patched(document, form, name)), `document ${i + 1}`);
      }
    });
  }
}

/** Lines of the input that the output does not have. */
function lostLines(before: string, after: string): string[] {
  const lines = unifiedDiff('file', `${before}\n`, `${after}\n`).split('\n').slice(2);
  return lines.filter((line) => line.startsWith('-')).map((line) => line.slice(1).trim());
}

/** What the status says was written over. */
function originalsIn(result: string): string[] {
  return documentsOf(result).flatMap((document) =>
    findObjects(document).owners.flatMap(({ template }) => {
      const status = parseStatus(String(annotationsOf(objectOf(valueAt(document, template)))[STATUS_ANNOTATION]));
      return Object.values(status?.original ?? {});
    }),
  );
}

function documentsOf(text: string): Json[] {
  const documents = parseAllDocuments(text, { merge: true });
  return documents.map((document) => JSON.parse(JSON.stringify(document.toJS() ?? null)) as Json);
}

function patched(document: Json, form: Form, name: string): Json {
  let result = document;
  for (const owner of findObjects(document).owners) {
    if (['skipped', 'failed'].includes((otherOutcomes[name] ?? '').split(' ')[0]!)) continue;
    const template = objectOf(valueAt(document, owner.template));
    const read = readSettings([flagsOf(form), annotationLayer(annotationsOf(template))], () => null);
    if ('problems' in read) throw new Error(read.problems.join());
    const patch = podPatch(template, planPod(template, read.settings, '9.9.9'));
    const prefix = owner.template.map((step) => `/${step}`).join('');
    result = applyPatch(
      result,
      patch.map((operation) => ({ ...operation, path: prefix + operation.path })),
    );
  }
  return result;
}

/** Original texts are the file's own on one side and JSON on the other; keys of nothing are there or not. */
function normal(document: Json): unknown {
  const text = JSON.stringify(document, (key, value: unknown) => (key === STATUS_ANNOTATION ? '' : value));
  return JSON.parse(text);
}
