// What was done to a pod, in an annotation of it: enough to undo it, byte by byte where it was done to a file.
import { isPresent, type JsonObject, listOf, objectOf, textOf } from './json.ts';

export const addedLists = ['initContainers', 'containers', 'volumes'] as const;

export type AddedList = (typeof addedLists)[number];

export interface InjectionStatus {
  /** Names, by list. */
  readonly added: Readonly<Partial<Record<AddedList, readonly string[]>>>;
  /** Keys that were not there before: `metadata`, `metadata/annotations`, `spec/volumes`. */
  readonly created: readonly string[];
  /** The text that stood in the place of what we wrote, by place: `containers/NAME/livenessProbe`, `spec/volumes`. */
  readonly original: Readonly<Record<string, string>>;
}

export function formatStatus({ added, created, original }: InjectionStatus): string {
  return JSON.stringify({ version: 1, added, created, original });
}

/** `null` where it is not ours or of another version. */
export function parseStatus(text: string): InjectionStatus | null {
  let json: JsonObject;
  try {
    json = objectOf(JSON.parse(text));
  } catch {
    return null;
  }
  if (json['version'] !== 1) return null;
  const added: Partial<Record<AddedList, readonly string[]>> = {};
  for (const list of addedLists) {
    const names = objectOf(json['added'])[list];
    if (isPresent(names)) added[list] = listOf(names).map(textOf);
  }
  const original = Object.entries(objectOf(json['original'])).map(([place, value]) => [place, textOf(value)] as const);
  return { added, created: listOf(json['created']).map(textOf), original: Object.fromEntries(original) };
}
