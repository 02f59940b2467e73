// The text of a JSON or YAML file as plain data, for files whose fields others define. JSON is a part of YAML.
import { parseDocument } from 'yaml';

export type PlainData = { readonly data: unknown } | { readonly problem: string };

/** Other than in JSON, an alias can make little text large. */
const maxAliases = 100;

/** `problem`: where the text is neither, with its line. */
export function parsePlainData(text: string): PlainData {
  try {
    const document = parseDocument(text, { prettyErrors: true });
    const [error] = document.errors;
    // The rest of the message shows the line itself, which may hold a secret.
    if (error !== undefined) return { problem: (error.message.split('\n')[0] ?? '').replace(/:$/, '') };
    return { data: document.toJS({ maxAliasCount: maxAliases }) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
