// The admission webhook's answer to an API server that asks about a new pod: admission.k8s.io/v1 in and out. The patch is
// the plan that `outrigger inject` carries out on a file.
import { isPresent, type Json, type JsonObject, objectOf, textOf } from './json.ts';
import { podPatch } from './json-patch.ts';
import { planPod } from './pod-plan.ts';
import { statusIn } from './pod-removal.ts';
import { annotationsOf } from './pod-template.ts';
import { preflight } from './preflight.ts';
import { annotationLayer, readSettings, type SettingsLayer, type Suggest } from './settings.ts';
import { skipReason } from './skip-reason.ts';

export interface AdmissionOptions {
  /** The program's own. */
  readonly version: string;
  /** What was said on the command line, by name of the setting. */
  readonly flags: SettingsLayer;
  readonly suggest: Suggest;
}

export interface AdmissionAnswer {
  /** An AdmissionReview with its response. */
  readonly review: JsonObject;
  /** What was done, for the log. */
  readonly outcome: 'injected' | 'skipped' | 'refused';
  readonly reason: string;
  readonly pod: string;
}

const API_VERSION = 'admission.k8s.io/v1';
/** API servers cut warnings that are longer. */
const MAX_WARNING_LENGTH = 250;
const UNPROCESSABLE = 422;

/** Answers `null` where the text is no AdmissionReview of version v1, which deserves no answer but 400. */
export function answerAdmission(body: string, options: AdmissionOptions): AdmissionAnswer | null {
  const review = parseReview(body);
  if (review === null) return null;
  const request = objectOf(review['request']);
  const uid = textOf(request['uid']);
  const pod = objectOf(request['object']);
  const metadata = objectOf(pod['metadata']);
  const namespace = textOf(request['namespace']);
  const name = `${namespace}/${textOf(metadata['name']) || textOf(metadata['generateName'])}`;
  const answer = (outcome: AdmissionAnswer['outcome'], reason: string, response: JsonObject): AdmissionAnswer => ({
    review: { apiVersion: API_VERSION, kind: 'AdmissionReview', response: { uid, ...response } },
    outcome,
    reason,
    pod: name,
  });

  const reason = reasonToSkip(pod, request, namespace);
  if (reason !== null) return answer('skipped', reason, { allowed: true });
  const read = readSettings([options.flags, annotationLayer(annotationsOf(pod))], options.suggest);
  if ('problems' in read) {
    // A pod outside of the mesh, when it was meant to be in it, is the worse surprise.
    const message = `outrigger cannot be injected: ${read.problems.join('; ')}`;
    return answer('refused', message, { allowed: false, status: { code: UNPROCESSABLE, message } });
  }
  const plan = planPod(pod, read.settings, options.version);
  const warnings = preflight(pod, read.settings).map(({ what, remedy }) =>
    `outrigger: ${what}; ${remedy}`.slice(0, MAX_WARNING_LENGTH),
  );
  const patch = podPatch(pod, plan);
  return answer('injected', '', {
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    ...(warnings.length === 0 ? {} : { warnings }),
  });
}

function parseReview(body: string): JsonObject | null {
  try {
    const review = objectOf(JSON.parse(body) as Json);
    const isSound = review['apiVersion'] === API_VERSION && isPresent(objectOf(review['request'])['uid']);
    return isSound ? review : null;
  } catch {
    return null;
  }
}

function reasonToSkip(pod: JsonObject, request: JsonObject, namespace: string): string | null {
  if (textOf(objectOf(request['kind'])['kind']) !== 'Pod') return 'it is no pod';
  if (textOf(request['operation']) !== 'CREATE') return 'containers cannot be added to a pod that is there';
  if (statusIn(pod) !== null) return 'it was injected before';
  return skipReason(pod, {}, namespace);
}
