// What a configuration file of any kind comes down to: resources of the model, and what is wrong with it.
import type { Resource } from '../../xds/model/resource.ts';

export interface ParsedConfig {
  /** Everything it says; without meaning where there are problems. */
  readonly resources: readonly Resource[];
  /** What makes it unusable, each with its place; empty: it is sound. */
  readonly problems: readonly string[];
  /** What is sound and has no effect, each with its place. */
  readonly warnings: readonly string[];
  /** The other files that it was read from, by path, with their texts; `null` where one can't be read. */
  readonly files: ReadonlyMap<string, string | null>;
}
