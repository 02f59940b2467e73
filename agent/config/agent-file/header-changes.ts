// `request_headers` and `response_headers` of a route.
import { parseHeaderFormat } from '../../../xds/decode/header-format.ts';
import { fieldNameProblem } from '../../../xds/decode/header-mutations.ts';
import type { HeaderAddition, HeaderMutations } from '../../../xds/model/header-mutations.ts';
import type { YamlEntry, YamlPlace, YamlReader } from '../yaml-reader.ts';

/** `null`: neither changes anything. */
export function readHeaderChanges(
  reader: YamlReader,
  request: YamlPlace | undefined,
  response: YamlPlace | undefined,
): HeaderMutations | null {
  if (request === undefined && response === undefined) return null;
  const [toRequest, toResponse] = [readChanges(reader, request), readChanges(reader, response)];
  return {
    requestRemove: toRequest.remove,
    requestAdd: toRequest.add,
    responseRemove: toResponse.remove,
    responseAdd: toResponse.add,
  };
}

interface Changes {
  readonly remove: readonly string[];
  readonly add: readonly HeaderAddition[];
}

function readChanges(reader: YamlReader, place: YamlPlace | undefined): Changes {
  if (place === undefined) return { remove: [], add: [] };
  const { set, add, remove } = reader.fields(place, ['set', 'add', 'remove']);
  const additions = (entries: YamlPlace | undefined, action: HeaderAddition['action']) =>
    entries === undefined ? [] : reader.entries(entries).flatMap((entry) => readAddition(reader, entry, action) ?? []);
  return {
    remove:
      remove === undefined
        ? []
        : reader.items(remove).flatMap((item) => readName(reader, item, reader.text(item)) ?? []),
    add: [...additions(set, 'overwrite'), ...additions(add, 'append')],
  };
}

function readAddition(reader: YamlReader, entry: YamlEntry, action: HeaderAddition['action']): HeaderAddition | null {
  const name = readName(reader, entry.keyPlace, entry.key);
  const text = reader.text(entry);
  if (name === null || text === null) return null;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that RFC 9113 section 8.2.1 forbids.
  if (/[\x00\r\n]|^[ \t]|[ \t]$/.test(text))
    reader.problem(entry, 'not the value of a header (RFC 9113 section 8.2.1)');
  const parsed = parseHeaderFormat(text);
  switch (parsed.kind) {
    case 'format':
      return { name, value: parsed.format, action, keepEmpty: false };
    case 'invalid':
      reader.problem(entry, `${parsed.problem}; a percent sign itself is written %%`);
      return null;
    case 'unsupported':
      reader.problem(entry, `${parsed.command} is not known`);
      return null;
  }
}

function readName(reader: YamlReader, place: YamlPlace, text: string | null): string | null {
  if (text === null) return null;
  const name = text.toLowerCase();
  const problem = fieldNameProblem(name);
  if (problem !== null) reader.problem(place, problem);
  return problem === null ? name : null;
}
