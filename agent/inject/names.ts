// What we call ourselves in a pod. Uninjecting and re-injecting go by these names alone.

/** Of every annotation; no name that anyone else's DNS could have. */
export const ANNOTATION_PREFIX = 'outrigger.mesh/';
/** What was done to the pod, as JSON (injection-status.ts); only the injector writes it. */
export const STATUS_ANNOTATION = `${ANNOTATION_PREFIX}status`;
/** `enabled` or `disabled`, on a pod, on what has pods, or on a namespace (there a label). */
export const INJECT_ANNOTATION = `${ANNOTATION_PREFIX}inject`;

export const AGENT_CONTAINER = 'outrigger';
export const RULES_CONTAINER = 'outrigger-rules';
/** Of every volume of ours. */
export const VOLUME_PREFIX = 'outrigger-';

/** Readiness, liveness, metrics and the application's probes: all addresses of the pod. */
export const STATUS_PORT = 15_020;
export const OUTBOUND_PORT = 15_001;
export const INBOUND_PORT = 15_006;
