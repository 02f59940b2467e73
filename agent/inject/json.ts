// Kubernetes objects as they come: plain data of which nothing is known. Readers answer an empty value where the wanted
// shape is not there, so that a strange object is passed by rather than thrown at.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** Whether there is a value at all: an absent key and `null` are the same to Kubernetes. */
export function isPresent(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}
