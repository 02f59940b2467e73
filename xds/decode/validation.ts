// Collects what is wrong with one resource, each problem with the path of its field. Decoders go on after a problem,
// so that a NACK names all of them at once.

/**
 * What to do with a field that is valid but that we do not carry out:
 * `reject` the resource, accept it and `warn`, or accept it and say nothing (`ignore`).
 */
export type UnsupportedPolicy = 'reject' | 'warn' | 'ignore';

/** More problems of one resource than these are only counted. */
const maxListed = 20;

/** What decoding one resource has found so far. */
export class Problems {
  readonly #policy: UnsupportedPolicy;
  readonly #errors: string[] = [];
  readonly #warnings: string[] = [];
  #errorCount = 0;
  #warningCount = 0;

  constructor(policy: UnsupportedPolicy) {
    this.#policy = policy;
  }

  get isValid(): boolean {
    return this.#errorCount === 0;
  }

  /** What makes the resource unusable, `path: text` each. */
  get errors(): readonly string[] {
    return listed(this.#errors, this.#errorCount);
  }

  /** What was accepted and is not carried out, `path: text` each. */
  get warnings(): readonly string[] {
    return listed(this.#warnings, this.#warningCount);
  }

  /** The scope of the whole resource. */
  root(): Scope {
    return new Scope(this, null, '');
  }

  addError(problem: string): void {
    this.#errorCount += 1;
    if (this.#errors.length < maxListed) this.#errors.push(problem);
  }

  addWarning(problem: string): void {
    this.#warningCount += 1;
    if (this.#warnings.length < maxListed) this.#warnings.push(problem);
  }

  addUnsupported(problem: string): void {
    if (this.#policy === 'reject') this.addError(problem);
    else if (this.#policy === 'warn') this.addWarning(problem);
  }
}

/** A place in a resource. The path is only spelled out when there is something to say about it. */
export class Scope {
  readonly #problems: Problems;
  readonly #parent: Scope | null;
  readonly #segment: string;

  constructor(problems: Problems, parent: Scope | null, segment: string) {
    this.#problems = problems;
    this.#parent = parent;
    this.#segment = segment;
  }

  /** A field of this message, or a dotted path below it. */
  at(field: string): Scope {
    return new Scope(this.#problems, this, field);
  }

  /** An element of a repeated field or map of this message. */
  item(field: string, key: number | string): Scope {
    return new Scope(this.#problems, this, `${field}[${key}]`);
  }

  /** `virtual_hosts[2].routes[0].match`; empty for the resource itself. */
  get path(): string {
    const above = this.#parent?.path ?? '';
    return above === '' ? this.#segment : `${above}.${this.#segment}`;
  }

  /** The resource cannot be used. */
  fail(text: string): void {
    this.#problems.addError(this.#spell(text));
  }

  /** Valid, and told by the user's policy whether to accept it. Returns `path: text`, the reason to keep in the model. */
  unsupported(text: string): string {
    const reason = this.#spell(text);
    this.#problems.addUnsupported(reason);
    return reason;
  }

  /** Accepted under each policy, but worth knowing. */
  warn(text: string): void {
    this.#problems.addWarning(this.#spell(text));
  }

  #spell(text: string): string {
    const { path } = this;
    return path === '' ? text : `${path}: ${text}`;
  }
}

function listed(problems: readonly string[], count: number): readonly string[] {
  return count > problems.length ? [...problems, `and ${count - problems.length} more`] : problems;
}
