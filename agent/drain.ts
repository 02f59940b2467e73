// How an agent ends, from one number. Everything here is arithmetic; agent.ts and data-plane.ts do it.

/** In ms from the moment the agent is told to end. */
export interface DrainPlan {
  /** So long connections to the application are still accepted: endpoints elsewhere point here until they hear. */
  readonly lagMs: number;
  /** When what is still open is cut. */
  readonly graceMs: number;
  /**
   * `together`: all listeners at once. `inbound-first`: the application, which ends at the same time, can call others until
   * its callers are done with it and it has closed its own connections.
   */
  readonly order: 'together' | 'inbound-first';
}

/** What stays of a pod's time for exporting spans and leaving, before the kubelet kills. */
const LEAVING_MS = 1500;
/** So long the news of a pod's end takes to reach proxies in a cluster of a usual size... */
const LAG_MS = 5000;
/** ...and never more than this part of what there is. */
const MAX_LAG_SHARE = 1 / 6;

/** Twenty-four days: what Node's timers take, with some time to spare for those that are set behind the last. */
const MAX_GRACE_MS = 24 * 86_400_000;

/** Without an orchestrator: calls may go on for so long; for more than 24 days, as `Infinity` is, they may for 24. */
export function drainWithin(graceMs: number): DrainPlan {
  return { lagMs: 0, graceMs: Math.min(graceMs, MAX_GRACE_MS), order: 'together' };
}

/**
 * In a pod of this `terminationGracePeriodSeconds`. `appEndsFirst`: a native sidecar is told when the application has
 * ended, so that nobody is left to call or to wait for.
 */
export function drainInPod(terminationGraceSeconds: number, appEndsFirst: boolean): DrainPlan {
  const graceMs = Math.min(MAX_GRACE_MS, Math.max(0, terminationGraceSeconds * 1000 - LEAVING_MS));
  if (appEndsFirst) return drainWithin(graceMs);
  return { lagMs: Math.min(LAG_MS, graceMs * MAX_LAG_SHARE), graceMs, order: 'inbound-first' };
}
