// What a server says in place of a resource that was asked for (xRFC TP3, gRFC A88).
import { canonicalName } from './model/resource-name.ts';
import type { ResourceErrorMessage } from './protos.ts';

export interface ResourceError {
  readonly name: string;
  /** A gRPC status code. */
  readonly code: number;
  readonly message: string;
}

const unknown = 2;
const notFound = 5;
const permissionDenied = 7;

/** Those of a response; one without a name says nothing. */
export function readResourceErrors(messages: readonly ResourceErrorMessage[]): ResourceError[] {
  return messages.flatMap(({ resource_name: name, error_detail: detail }) => {
    if (!name?.name) return [];
    return [{ name: canonicalName(name.name), code: detail?.code || unknown, message: detail?.message ?? '' }];
  });
}

/** Whether it says that there is no such resource for us, rather than that it cannot be had just now. */
export function isAbsence({ code }: ResourceError): boolean {
  return code === notFound || code === permissionDenied;
}

/** In place of what a server has removed, and what stays in use all the same. */
export function removalError(name: string): ResourceError {
  return { name, code: notFound, message: 'the server has removed it' };
}
