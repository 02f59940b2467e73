// What was done to each object, a line each, for standard error: standard output stays YAML.
import type { ObjectOutcome, ObjectReport } from './injector.ts';

/** Lines without newlines. */
export function formatReport(file: string, { kind, name, namespace, outcome }: ObjectReport): string[] {
  const where = namespace === '' ? '' : ` in ${namespace}`;
  const object = `${file}: ${kind.toLowerCase()}${name === '' ? '' : `/${name}`}${where}`;
  return [`${object} ${summaryOf(outcome)}`, ...detailsOf(outcome).map((line) => `  ${line}`)];
}

function summaryOf(outcome: ObjectOutcome): string {
  switch (outcome.kind) {
    case 'injected':
    case 'updated':
    case 'unchanged':
    case 'uninjected':
      return outcome.kind;
    case 'skipped':
      return `skipped: ${outcome.reason}`;
    case 'other':
      return 'skipped: it has no pods';
    case 'failed':
      return 'failed';
  }
}

function detailsOf(outcome: ObjectOutcome): readonly string[] {
  switch (outcome.kind) {
    case 'injected':
    case 'updated':
    case 'unchanged':
      return outcome.findings.map(({ kind, what, remedy }) => `${kind}: ${what}; ${remedy}`);
    case 'failed':
      return outcome.problems;
    default:
      return [];
  }
}
