// Kubernetes YAML (or JSON) in, the same with the sidecar out, and back. Every byte that is not ours stays. Nothing is
// believed: what comes out is read again, must say what the plan says, and must give the input when it is undone.
import { isDeepStrictEqual } from 'node:util';
import { type Document, parseAllDocuments } from 'yaml';
import { applyPatch } from './apply-patch.ts';
import { formatStatus } from './injection-status.ts';
import { type Json, objectOf } from './json.ts';
import { podPatch } from './json-patch.ts';
import { STATUS_ANNOTATION } from './names.ts';
import { podEdits } from './pod-edits.ts';
import { planPod } from './pod-plan.ts';
import { removalEdits, statusIn } from './pod-removal.ts';
import { annotationsOf, findObjects, type OtherObject, type PodOwner, valueAt } from './pod-template.ts';
import { type Finding, preflight } from './preflight.ts';
import { annotationLayer, readSettings, type SettingsLayer, type Suggest } from './settings.ts';
import { skipReason } from './skip-reason.ts';
import { applyEdits, SourceText } from './source-text.ts';
import { UneditableError } from './yaml-nodes.ts';

export type ObjectOutcome =
  | { readonly kind: 'injected' | 'updated' | 'unchanged'; readonly findings: readonly Finding[] }
  | { readonly kind: 'uninjected' }
  | { readonly kind: 'skipped'; readonly reason: string }
  /** It has no pods. */
  | { readonly kind: 'other' }
  | { readonly kind: 'failed'; readonly problems: readonly string[] };

export interface ObjectReport extends OtherObject {
  readonly namespace: string;
  readonly outcome: ObjectOutcome;
}

export interface InjectionResult {
  readonly text: string;
  readonly reports: readonly ObjectReport[];
}

export interface InjectorOptions {
  /** The program's own. */
  readonly version: string;
  /** What was said on the command line, by name of the setting. */
  readonly flags: SettingsLayer;
  /** Of objects that name none. */
  readonly namespace: string;
  readonly suggest: Suggest;
}

/** Throws an Error that names line and column where the text is no YAML. */
export function injectText(text: string, options: InjectorOptions): InjectionResult {
  return eachDocument(text, (part) => {
    const reports: ObjectReport[] = [];
    let present = part;
    for (const owner of readPart(part).found.owners) {
      const { text: next, outcome } = injectOwner(present, owner, options);
      present = next;
      reports.push({ ...namedOwner(owner), outcome });
    }
    return { text: present, reports: [...reports, ...otherReports(part)] };
  });
}

/** The same. */
export function uninjectText(text: string): InjectionResult {
  return eachDocument(text, (part) => {
    const reports: ObjectReport[] = [];
    let present = part;
    for (const owner of readPart(part).found.owners) {
      const { text: next, outcome } = uninjectOwner(present, owner);
      present = next;
      reports.push({ ...namedOwner(owner), outcome });
    }
    return { text: present, reports: [...reports, ...otherReports(part)] };
  });
}

function namedOwner({ kind, name, namespace }: PodOwner): Omit<ObjectReport, 'outcome'> {
  return { kind, name, namespace };
}

function otherReports(part: string): ObjectReport[] {
  return readPart(part)
    .found.others.filter(({ kind }) => kind !== '')
    .map((other) => ({ ...other, namespace: '', outcome: { kind: 'other' } }));
}

interface Part {
  readonly source: SourceText;
  readonly document: Document | null;
  readonly json: Json;
  readonly found: ReturnType<typeof findObjects>;
}

function readPart(text: string): Part {
  const [document = null] = parse(text);
  const json = document === null ? null : jsonOf(document);
  return { source: new SourceText(text), document, json, found: findObjects(json) };
}

/** What it says, with each alias a value of its own. */
function jsonOf(document: Document): Json {
  const value: unknown = document.toJS();
  return value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json);
}

function parse(text: string): Document.Parsed[] {
  const documents = parseAllDocuments(text, { merge: true });
  return Array.isArray(documents) ? documents : [];
}

/** Documents know nothing of each other: each is worked on as a text of its own. */
function eachDocument(text: string, work: (part: string) => InjectionResult): InjectionResult {
  const documents = parse(text);
  for (const { errors } of documents) if (errors[0] !== undefined) throw new Error(errors[0].message);
  const ends = documents.slice(0, -1).map(({ range }) => range[2]);
  const results = [...ends, text.length].map((end, i) => work(text.slice(ends[i - 1] ?? 0, end)));
  return { text: results.map((result) => result.text).join(''), reports: results.flatMap(({ reports }) => reports) };
}

interface OwnerResult {
  readonly text: string;
  readonly outcome: ObjectOutcome;
}

function injectOwner(text: string, owner: PodOwner, options: InjectorOptions): OwnerResult {
  const isThere = statusIn(valueAt(readPart(text).json, owner.template)) !== null;
  const clean = isThere ? uninjectOwner(text, owner) : { text, outcome: null };
  if (clean.outcome?.kind === 'failed') return { text, outcome: clean.outcome };
  const part = readPart(clean.text);
  const template = objectOf(valueAt(part.json, owner.template));
  const object = objectOf(valueAt(part.json, owner.template.slice(0, objectDepth(owner))));
  const ownerAnnotations = annotationsOf(object);

  const reason = skipReason(template, objectOf(object['metadata']), owner.namespace || options.namespace);
  // A pod that was injected and is not to be any more is given back as it was.
  if (reason !== null) return { text: clean.text, outcome: { kind: 'skipped', reason } };
  const layers = [options.flags, annotationLayer(ownerAnnotations), annotationLayer(annotationsOf(template))];
  const read = readSettings(layers, options.suggest);
  if ('problems' in read) return { text, outcome: { kind: 'failed', problems: read.problems } };
  const plan = planPod(template, read.settings, options.version);
  const findings = preflight(template, read.settings);
  try {
    const { edits, status } = podEdits(part.source, part.document!, owner.template, plan);
    const result = applyEdits(clean.text, edits);
    const patched = objectOf(applyPatch(template, podPatch(template, plan)));
    verify(clean.text, result, owner, withStatus(patched, formatStatus(status)));
    if (!isThere) return { text: result, outcome: { kind: 'injected', findings } };
    return { text: result, outcome: { kind: result === text ? 'unchanged' : 'updated', findings } };
  } catch (error) {
    return { text, outcome: failedBy(error) };
  }
}

/** How deep the object itself lies that has the template: the root, or an item of a list. */
function objectDepth({ template }: PodOwner): number {
  return template.findLastIndex((step) => typeof step === 'number') + 1;
}

function withStatus(template: Json, status: string): Json {
  const metadata = objectOf(objectOf(template)['metadata']);
  const annotations = { ...objectOf(metadata['annotations']), [STATUS_ANNOTATION]: status };
  return { ...objectOf(template), metadata: { ...metadata, annotations } };
}

/** Throws an `UneditableError` where the text says anything but what was planned, or could not be undone. */
function verify(before: string, after: string, owner: PodOwner, expected: Json): void {
  const [document] = parse(after);
  const isSound = document !== undefined && document.errors.length === 0;
  const json = isSound ? jsonOf(document) : null;
  const found = valueAt(json, owner.template) ?? null;
  const isOnlyThis = isDeepStrictEqual(without(json, owner), without(readPart(before).json, owner));
  if (!isDeepStrictEqual(found, expected) || !isOnlyThis) {
    throw new UneditableError('an edit would change what else it says');
  }
  const undone = uninjectOwner(after, owner);
  if (undone.text !== before) throw new UneditableError('an edit could not be undone');
}

/** A document with nothing in the place of a template. */
function without(json: Json, { template }: PodOwner): Json {
  if (template.length === 0) return null;
  const copy = structuredClone(json) as Record<string, Json>;
  const parent = valueAt(copy, template.slice(0, -1)) as Record<string | number, Json>;
  parent[template.at(-1)!] = null;
  return copy;
}

function uninjectOwner(text: string, owner: PodOwner): OwnerResult {
  const { source, document, json } = readPart(text);
  const status = statusIn(valueAt(json, owner.template));
  if (status === null || document === null) {
    return { text, outcome: { kind: 'skipped', reason: 'it was not injected' } };
  }
  try {
    const edits = removalEdits(source, document, owner.template, status);
    return { text: applyEdits(text, edits), outcome: { kind: 'uninjected' } };
  } catch (error) {
    return { text, outcome: failedBy(error) };
  }
}

function failedBy(error: unknown): ObjectOutcome {
  if (!(error instanceof UneditableError)) throw error;
  return { kind: 'failed', problems: [`its YAML cannot be edited in place: ${error.message}`] };
}
