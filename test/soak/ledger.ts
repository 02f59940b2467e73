// Every call accounted for: why it ended as it did, by faults that were injected, and whether what clients, agent and
// endpoints have counted is the same. Pure.
import type { Plan } from './plan.ts';

/** Something done to one endpoint's connections, or to a cluster; calls may fail for it in that time. */
export interface Fault {
  readonly kind: string;
  /** What the message of each call that fails for it names: an endpoint, `host:port`, or a cluster. */
  readonly of: string;
  /** One of these is in the message too. */
  readonly says: readonly string[];
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface EndedCall {
  readonly plan: Plan;
  /** gRPC status; -1: the client gave it up, or lost it, for `message`. */
  readonly status: number;
  /** grpc-message, or the client's own words. */
  readonly message: string;
  /** What came back is not what was sent. */
  readonly isCorrupt: boolean;
  readonly endedMs: number;
}

/** The client's own doing. */
export const givenUp = { cancel: 'the client cancelled it', kill: 'the client cut its connection' } as const;

/** What a client says of REFUSED_STREAM: the agent passes on that nobody has processed the call, and names nobody. */
export const refused = 'refused: it was not processed';

/** A cluster's max_requests was lowered for a while. */
export const breakerKind = 'breaker tripped';

const unavailable = 14;
const maxExamples = 20;

export class Ledger {
  readonly faults: Fault[] = [];
  /** Calls by status, -1 for those given up, and by what explains the end. */
  readonly ends = new Map<number, Map<string, number>>();
  readonly unexplained: string[] = [];
  unexplainedCount = 0;

  fault(fault: Fault): void {
    this.faults.push(fault);
  }

  end(call: EndedCall): void {
    const why = this.explain(call);
    const reasons = this.ends.get(call.status) ?? new Map<string, number>();
    this.ends.set(call.status, reasons);
    const reason = why ?? 'UNEXPLAINED';
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (why !== null) return;
    this.unexplainedCount++;
    if (this.unexplained.length >= maxExamples) return;
    const { plan, status, message, isCorrupt } = call;
    const what = isCorrupt ? 'corrupt' : `status ${status}`;
    this.unexplained.push(`${plan.kind} (${plan.code}) ended with ${what}: ${message || 'no message'}`);
  }

  /** `null`: by nothing that was done. */
  explain({ plan, status, message, isCorrupt, endedMs }: EndedCall): string | null {
    if (isCorrupt) return null;
    if (status === -1) return Object.values<string>(givenUp).includes(message) ? message : null;
    if (status === plan.status) return status === 0 ? 'served' : `the endpoint's ${plan.kind}`;
    if (status !== unavailable) return null;
    const fault = this.faults.findLast(
      ({ of, says, fromMs, untilMs }) =>
        fromMs <= endedMs &&
        endedMs <= untilMs &&
        (message === refused || message.includes(of)) &&
        says.some((words) => message.includes(words)),
    );
    return fault?.kind ?? null;
  }

  count(status: number): number {
    let sum = 0;
    for (const count of this.ends.get(status)?.values() ?? []) sum += count;
    return sum;
  }

  get total(): number {
    let sum = 0;
    for (const status of this.ends.keys()) sum += this.count(status);
    return sum;
  }
}

/** Counts of one party by gRPC status. */
export type Counts = Readonly<Record<number, number>>;

/**
 * What does not agree; empty when everything does.
 * @param refusedByAgent how many calls the agent counts as refused by max_requests.
 */
export function reconcile(ledger: Ledger, agent: Counts, endpoints: Counts, refusedByAgent: number): string[] {
  const problems: string[] = [];
  const cancelled = ledger.ends.get(-1)?.get(givenUp.cancel) ?? 0;
  const killed = ledger.ends.get(-1)?.get(givenUp.kill) ?? 0;
  const agentTotal = Object.values(agent).reduce((sum, count) => sum + count, 0);
  // Calls on a connection that their client cut may never have reached the agent.
  if (agentTotal > ledger.total || agentTotal < ledger.total - killed) {
    problems.push(
      `the clients made ${ledger.total} calls (${killed} on connections they cut), the agent saw ${agentTotal}`,
    );
  }
  for (let status = 0; status <= 16; status++) {
    const seen = ledger.count(status);
    const counted = agent[status] ?? 0;
    // Whoever gives up a call does not learn how it would have ended.
    if (counted < seen || counted > seen + cancelled + killed) {
      problems.push(`${seen} calls ended with status ${status} for the clients, ${counted} for the agent`);
    }
  }
  const refusals = ledger.ends.get(unavailable)?.get(breakerKind) ?? 0;
  if (refusedByAgent < refusals || refusedByAgent > refusals + cancelled + killed) {
    problems.push(`${refusals} calls were refused by max_requests for the clients, ${refusedByAgent} for the agent`);
  }
  const answered = endpoints[0] ?? 0;
  const ok = agent[0] ?? 0;
  const lost = ledger.total - ledger.count(0);
  if (answered < ok || answered > ok + lost) {
    problems.push(`the endpoints answered ${answered} calls with OK, the agent passed on ${ok} and ${lost} were lost`);
  }
  return problems;
}
