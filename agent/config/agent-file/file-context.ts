// What the readers of agent.yaml share: the text with its places, and the files that it names.
import { isAbsolute, join } from 'node:path';
import type { YamlPlace, YamlReader } from '../yaml-reader.ts';

/** The content of a file; throws where it can't be read. */
export type ReadFile = (path: string) => Buffer;

export class FileContext {
  readonly reader: YamlReader;
  readonly #folder: string;
  readonly #readFile: ReadFile;
  readonly #contents = new Map<string, Buffer>();
  /** Texts of the files that were read, by path; `null` where one can't be. */
  readonly #texts = new Map<string, string | null>();

  /** @param folder that relative paths start from. */
  constructor(reader: YamlReader, folder: string, readFile: ReadFile) {
    this.reader = reader;
    this.#folder = folder;
    this.#readFile = readFile;
  }

  /** Whatever was asked for, readable or not: a change of any of them may change what the configuration says. */
  get files(): ReadonlyMap<string, string | null> {
    return this.#texts;
  }

  /** The text of the file that is named at that place, or `null` with a problem noted. */
  file(place: YamlPlace): string | null {
    return this.content(place)?.toString('utf8') ?? null;
  }

  /** As `file`, for what is no text. */
  content(place: YamlPlace): Buffer | null {
    const name = this.reader.text(place);
    if (name === null) return null;
    const path = isAbsolute(name) ? name : join(this.#folder, name);
    const known = this.#contents.get(path);
    if (known !== undefined) return known;
    try {
      const content = this.#readFile(path);
      this.#contents.set(path, content);
      this.#texts.set(path, content.toString('utf8'));
      return content;
    } catch (error) {
      this.#texts.set(path, null);
      const code = error instanceof Error && 'code' in error ? error.code : '';
      this.reader.problem(place, `can't read ${name}: ${code === 'ENOENT' ? 'there is no such file' : String(error)}`);
      return null;
    }
  }
}
