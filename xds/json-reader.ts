// Reads plain JSON by field, noting each problem with its path instead of stopping at the first.

export type Json = Readonly<Record<string, unknown>>;

/** What reading one file has found so far. */
export class JsonReader {
  /** What makes the file unusable, `path: text` each. */
  readonly problems: string[] = [];
  /** What is valid and has no effect, `path: text` each. */
  readonly warnings: string[] = [];

  problem(path: string, text: string): void {
    this.problems.push(`${path}: ${text}`);
  }

  warn(path: string, text: string): void {
    this.warnings.push(`${path}: ${text}`);
  }

  /** `null` with a problem noted where it is no object. */
  object(json: unknown, path: string): Json | null {
    if (isObject(json)) return json;
    this.problem(path, 'must be an object');
    return null;
  }

  /** Absent is empty; so is what is no object, with a problem noted. */
  optionalObject(json: unknown, path: string): Json {
    return isAbsent(json) ? {} : (this.object(json, path) ?? {});
  }

  /** Absent is empty; so is what is no list, with a problem noted. */
  list(json: unknown, path: string): readonly unknown[] {
    if (isAbsent(json)) return [];
    if (Array.isArray(json)) return json;
    this.problem(path, 'must be a list');
    return [];
  }

  /** Absent is empty; so is what is no string, with a problem noted. */
  string(json: unknown, path: string): string {
    if (isAbsent(json)) return '';
    if (typeof json === 'string') return json;
    this.problem(path, 'must be a string');
    return '';
  }

  /** The same, and empty is a problem. */
  requiredString(json: unknown, path: string): string {
    const before = this.problems.length;
    const text = this.string(json, path);
    if (text === '' && this.problems.length === before) this.problem(path, 'required');
    return text;
  }

  /** Milliseconds of a duration in the JSON of protobuf (`"600s"`, `"0.5s"`); `null` where there is none. */
  durationMs(json: unknown, path: string): number | null {
    if (isAbsent(json)) return null;
    const seconds = typeof json === 'string' ? /^(\d{1,12}(?:\.\d{1,9})?)s$/.exec(json)?.[1] : undefined;
    if (seconds !== undefined) return Number(seconds) * 1000;
    this.problem(path, 'must be a duration in seconds, "600s" for example');
    return null;
  }
}

export function isObject(json: unknown): json is Json {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** A member that is null counts as absent, as in the JSON of protobuf. */
export function isAbsent(json: unknown): json is null | undefined {
  return json === undefined || json === null;
}

/** A field in either spelling of protobuf's JSON: `sni_name`, as in its definition, or `sniName`. */
export function fieldOf(json: Json, name: string): unknown {
  if (Object.hasOwn(json, name)) return json[name];
  const camel = name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return Object.hasOwn(json, camel) ? json[camel] : undefined;
}

/** The name of a field as its definition spells it. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
