// Another path than the one that came.
import type { PathMatch, PathRewrite } from '../../xds/model/route.ts';
import { byteText } from '../grpc/byte-text.ts';
import { compileSubstitution, type TextEdit } from './regex-substitution.ts';

/** The path without its query, to another. `match` says how the route matched it. */
export function compilePathRewrite(rewrite: PathRewrite, match: PathMatch): TextEdit {
  if (rewrite.kind === 'regex') return compileSubstitution(rewrite);
  const replacement = byteText(rewrite.value);
  // What matched is replaced: a prefix by its length, in whatever case it came, and all of the path otherwise (5.1).
  const isPrefix = match.kind === 'prefix' || match.kind === 'separated-prefix';
  const length = byteText(match.value).length;
  return (path) => (isPrefix ? replacement + path.slice(length) : replacement);
}
