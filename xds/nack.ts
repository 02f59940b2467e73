// What a NACK says.
import type { StatusMessage } from './protos.ts';

const invalidArgument = 3;
/** Servers log it, and some keep it; a response of thousands of bad resources must not become a request of megabytes. */
const maxLength = 8192;

/** `error_detail` of a request: INVALID_ARGUMENT (xds.md case 25), cut to 8,192 characters. */
export function toErrorDetail(detail: string): StatusMessage {
  const message = detail.length > maxLength ? `${detail.slice(0, maxLength)} ...` : detail;
  return { code: invalidArgument, message };
}
