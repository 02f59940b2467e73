// The retries of one call whose route allows them: counts them, waits between them, and keeps to the cluster's budget.
import { nodeTimer } from '../../xds/environment.ts';
import type { RetryPolicy } from '../../xds/model/retry-policy.ts';
import type { HeaderBlock, HeaderEdit } from '../http2/index.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import { type FailedAttempt, isRetryable, retryDelayMs } from './retry-policy.ts';

/** The cluster's. */
export type RetryLimits = Pick<UpstreamCluster, 'beginRetry' | 'endRetry'>;

export class CallRetries {
  readonly #policy: RetryPolicy;
  readonly #budget: RetryLimits;
  readonly #random: () => number;
  #attempts = 1;
  #holdsBudget = false;
  #cancelWait: (() => void) | null = null;
  /** A failure that is to be retried was the last that the policy allows (Envoy's flag URX). */
  isExhausted = false;

  constructor(policy: RetryPolicy, budget: RetryLimits, random: () => number) {
    this.#policy = policy;
    this.#budget = budget;
    this.#random = random;
  }

  /**
   * Calls `again` later, if there is to be another attempt.
   * @param remainingMs what is left of the call's time.
   */
  plan(failed: FailedAttempt, remainingMs: number, again: () => void): boolean {
    const policy = this.#policy;
    if (!isRetryable(policy, failed)) return false;
    if (this.#attempts >= policy.maxAttempts) {
      this.isExhausted = true;
      return false;
    }
    const delayMs = retryDelayMs(policy, this.#attempts, failed.pushback, this.#random);
    if (delayMs === null || delayMs >= remainingMs) return false;
    if (!this.#holdsBudget && !this.#budget.beginRetry()) return false;
    this.#holdsBudget = true;
    this.#attempts++;
    this.#cancelWait = nodeTimer(again, delayMs);
    return true;
  }

  /** What the endpoint is told of the attempts before; those of a client that retries itself count too (gRFC A6). */
  mark(head: HeaderBlock, edit: HeaderEdit): HeaderBlock {
    if (this.#attempts === 1) return head;
    const before = Math.max(0, head.digits('grpc-previous-rpc-attempts')) + this.#attempts - 1;
    return head.edit(edit, [Buffer.from(String(before), 'latin1')]);
  }

  /** There will be no other attempt. */
  stop(): void {
    this.#cancelWait?.();
    this.#cancelWait = null;
    if (this.#holdsBudget) this.#budget.endRetry();
    this.#holdsBudget = false;
  }
}
