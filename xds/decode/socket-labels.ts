// The labels by which `transport_socket_matches` and endpoints find each other: a google.protobuf.Struct, flat, each
// value as JSON text. Equal labels are one object, of which a mesh of 100,000 endpoints then has two or three.
import type { MetadataMessage, MetadataValue, StructMessage } from './core-messages.ts';

export type SocketLabels = Readonly<Record<string, string>>;

/** The metadata of an endpoint, or of a locality, that the matches look at. */
const filterName = 'envoy.transport_socket_match';

export class SocketLabelReader {
  readonly #known = new Map<string, SocketLabels>();

  /** `null`: there are none. */
  of(metadata: MetadataMessage | null): SocketLabels | null {
    const struct = metadata?.filter_metadata[filterName];
    return struct === undefined ? null : this.#shared(readLabels(struct));
  }

  #shared(labels: SocketLabels): SocketLabels | null {
    const key = JSON.stringify(labels);
    if (key === '{}') return null;
    const known = this.#known.get(key);
    if (known === undefined) this.#known.set(key, labels);
    return known ?? labels;
  }
}

/** Sorted by name, so that equal labels have one spelling. */
export function readLabels({ fields }: StructMessage): SocketLabels {
  const labels: Record<string, string> = {};
  for (const name of Object.keys(fields).sort()) labels[name] = JSON.stringify(toJson(fields[name]));
  return labels;
}

function toJson(value: MetadataValue | undefined): unknown {
  if (value?.stringValue !== undefined) return value.stringValue;
  if (value?.numberValue !== undefined) return value.numberValue;
  if (value?.boolValue !== undefined) return value.boolValue;
  if (value?.listValue !== undefined) return value.listValue.values.map(toJson);
  if (value?.structValue !== undefined) {
    const { fields } = value.structValue;
    return Object.fromEntries(
      Object.keys(fields)
        .sort()
        .map((name) => [name, toJson(fields[name])]),
    );
  }
  return null;
}
