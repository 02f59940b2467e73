// `grpc_web` of a frontend: whose pages may call.
import type { GrpcWeb } from '../../../xds/model/listener.ts';
import type { YamlPlace, YamlReader } from '../yaml-reader.ts';

/** After a problem was noted the result does not matter. */
export function readGrpcWeb(reader: YamlReader, place: YamlPlace): GrpcWeb {
  const fields = reader.fields(place, ['origins', 'credentials', 'max_age']);
  const origins =
    fields.origins === undefined ? [] : reader.items(fields.origins).flatMap((item) => readOrigin(reader, item));
  const allowsCredentials = fields.credentials === undefined ? false : (reader.boolean(fields.credentials) ?? false);
  if (allowsCredentials && origins.includes('*') && fields.credentials !== undefined) {
    reader.problem(
      fields.credentials,
      'pages of every origin would act in the name of whoever opens them; name the origins',
    );
  }
  const maxAgeMs = fields.max_age === undefined ? null : reader.durationMs(fields.max_age);
  return { origins, allowsCredentials, maxAgeSeconds: maxAgeMs === null ? null : Math.ceil(maxAgeMs / 1000) };
}

function readOrigin(reader: YamlReader, place: YamlPlace): string[] {
  const text = reader.text(place)?.toLowerCase();
  if (text === undefined) return [];
  if (text === '*' || /^https?:\/\/(?:\*\.)?(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/.test(text))
    return [text];
  reader.problem(place, `"${text}" is no origin; write https://app.example, https://*.example or "*"`);
  return [];
}
