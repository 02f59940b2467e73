// The change of a text as a unified diff, for people to read and for `patch` to apply.

type Step = { readonly kind: ' ' | '-' | '+'; readonly line: string };

const CONTEXT = 3;

/** Empty where nothing changed. */
export function unifiedDiff(name: string, before: string, after: string): string {
  if (before === after) return '';
  const steps = stepsBetween(linesOf(before), linesOf(after));
  const hunks = hunksOf(steps).map((hunk) => formatHunk(steps, hunk));
  const path = name.replace(/^\/+/, '');
  return `--- a/${path}\n+++ b/${path}\n${hunks.join('')}`;
}

/** Each with its newline; a last line without one says so, as diff does. */
function linesOf(text: string): string[] {
  const lines = text.split(/(?<=\n)/);
  return lines.map((line) => (line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`));
}

/** The shortest edit script (E. Myers, An O(ND) Difference Algorithm, 1986), on what the common ends leave over. */
function stepsBetween(before: readonly string[], after: readonly string[]): Step[] {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  while (
    tail < Math.min(before.length, after.length) - head &&
    before[before.length - 1 - tail] === after[after.length - 1 - tail]
  ) {
    tail++;
  }
  const kept = (line: string): Step => ({ kind: ' ', line });
  return [
    ...before.slice(0, head).map(kept),
    ...shortestScript(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...before.slice(before.length - tail).map(kept),
  ];
}

function shortestScript(before: readonly string[], after: readonly string[]): Step[] {
  // `furthest[k]`: how far in `before` a path on diagonal k has come.
  let furthest = new Map([[1, 0]]);
  const trace: (typeof furthest)[] = [];
  for (let edits = 0; ; edits++) {
    trace.push(furthest);
    furthest = new Map(furthest);
    for (let k = -edits; k <= edits; k += 2) {
      let x = isDownward(furthest, k, edits) ? furthest.get(k + 1)! : furthest.get(k - 1)! + 1;
      while (x < before.length && x - k < after.length && before[x] === after[x - k]) x++;
      furthest.set(k, x);
      if (x >= before.length && x - k >= after.length) return backtrack(trace, before, after);
    }
  }
}

function isDownward(furthest: ReadonlyMap<number, number>, k: number, edits: number): boolean {
  return k === -edits || (k !== edits && furthest.get(k - 1)! < furthest.get(k + 1)!);
}

function backtrack(
  trace: readonly ReadonlyMap<number, number>[],
  before: readonly string[],
  after: readonly string[],
): Step[] {
  const steps: Step[] = [];
  let x = before.length;
  let y = after.length;
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const furthest = trace[edits]!;
    const k = x - y;
    const from = isDownward(furthest, k, edits) ? k + 1 : k - 1;
    const fromX = edits === 0 ? 0 : furthest.get(from)!;
    const fromY = edits === 0 ? 0 : fromX - from;
    while (x > fromX && y > fromY) {
      steps.push({ kind: ' ', line: before[--x]! });
      y--;
    }
    if (edits > 0) {
      if (x === fromX) steps.push({ kind: '+', line: after[--y]! });
      else steps.push({ kind: '-', line: before[--x]! });
    }
  }
  return steps.reverse();
}

interface Hunk {
  readonly start: number;
  readonly end: number;
}

/** Runs of steps in which something changes, with the lines around them; neighbours that touch are one. */
function hunksOf(steps: readonly Step[]): Hunk[] {
  const hunks: { start: number; end: number }[] = [];
  for (const [i, { kind }] of steps.entries()) {
    if (kind === ' ') continue;
    const last = hunks.at(-1);
    const start = Math.max(0, i - CONTEXT);
    const end = Math.min(steps.length, i + 1 + CONTEXT);
    if (last !== undefined && start <= last.end) last.end = end;
    else hunks.push({ start, end });
  }
  return hunks;
}

function formatHunk(steps: readonly Step[], { start, end }: Hunk): string {
  const count = (some: readonly Step[], absent: string) => some.filter(({ kind }) => kind !== absent).length;
  const lines = steps.slice(start, end);
  const place = (absent: string): string => {
    const length = count(lines, absent);
    const before = count(steps.slice(0, start), absent);
    return `${length === 0 ? before : before + 1},${length}`;
  };
  return `@@ -${place('+')} +${place('-')} @@\n${lines.map(({ kind, line }) => kind + line).join('')}`;
}
