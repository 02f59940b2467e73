// Flags as data: one table says what a command takes, and both the parser and the help are made from it.
import { parseArgs } from 'node:util';
import { nearestName } from '../config/nearest-name.ts';

export interface Flag {
  /** Without dashes. */
  readonly name: string;
  readonly short?: string;
  /** What stands behind it in the help; absent for a switch. */
  readonly value?: string;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** Further lines of the command's own help. */
  readonly details: readonly string[];
  readonly flags: readonly Flag[];
  /** A word of its own that it takes, once, without a flag; absent: it takes none. */
  readonly operand?: { readonly name: string; readonly help: string };
  /**
   * Exit code; 0 when the command is done. Throws `UsageError` or an Error of one clear sentence. `version` is the
   * program's.
   */
  readonly run: (flags: FlagValues, version: string) => Promise<number>;
}

/** Wrong usage: exit code 64 (EX_USAGE). */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export class FlagValues {
  /** Each flag's values in their order; a switch has none. */
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly operand: string | undefined;

  constructor(values: ReadonlyMap<string, readonly string[]>, operand: string | undefined) {
    this.#values = values;
    this.operand = operand;
  }

  /** The last counts where it is given more than once. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  /** Whether a switch is given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** All of a flag that may be given more than once. */
  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** A whole number within bounds; throws a `UsageError` that names the flag. */
  number(name: string, bounds: { readonly min: number; readonly max: number; readonly fallback: number }): number {
    const text = this.text(name);
    if (text === undefined) return bounds.fallback;
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < bounds.min || value > bounds.max) {
      throw new UsageError(`--${name} takes a whole number from ${bounds.min} to ${bounds.max}, not '${text}'`);
    }
    return value;
  }

  /** One of a few words; throws a `UsageError` that names the nearest. */
  oneOf<Word extends string>(name: string, words: readonly Word[], fallback: Word): Word {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new UsageError(`--${name} takes ${words.join(', ')}, not '${text}'${didYouMean(text, words)}`);
  }
}

/** Reads the arguments behind a command's name. Throws a `UsageError` that names the nearest right flag. */
export function parseFlags(command: Command, args: readonly string[]): FlagValues {
  const options = Object.fromEntries(
    [...command.flags, HELP_FLAG].map((flag) => [
      flag.name,
      {
        type: flag.value === undefined ? ('boolean' as const) : ('string' as const),
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const values = new Map<string, string[]>();
  let operand: string | undefined;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      if (command.operand !== undefined && operand === undefined) {
        operand = token.value;
        continue;
      }
      throw new UsageError(
        `outrigger ${command.name} takes ${command.operand === undefined ? 'flags only' : `one ${command.operand.name}`}, not '${token.value}'`,
      );
    }
    if (token.kind === 'option-terminator') continue;
    const flag = [...command.flags, HELP_FLAG].find(({ name }) => name === token.name);
    if (flag === undefined) {
      const names = [...command.flags, HELP_FLAG].map(({ name }) => `--${name}`);
      throw new UsageError(
        `outrigger ${command.name} does not know ${token.rawName}${didYouMean(token.rawName, names)}`,
      );
    }
    if (flag.value === undefined) {
      if (token.value !== undefined) throw new UsageError(`--${flag.name} takes no value`);
      values.set(flag.name, []);
    } else {
      if (token.value === undefined) throw new UsageError(`--${flag.name} wants a value: --${flag.name} ${flag.value}`);
      values.set(flag.name, [...(values.get(flag.name) ?? []), token.value]);
    }
  }
  return new FlagValues(values, operand);
}

export const HELP_FLAG: Flag = { name: 'help', short: 'h', help: 'show this' };

export function didYouMean(word: string, words: readonly string[]): string {
  const nearest = nearestName(word, words);
  return nearest === null ? '' : ` (did you mean ${nearest}?)`;
}
