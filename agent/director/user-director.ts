// A user's function as the director of calls: what it answers becomes a decision, and what it throws a status. Nothing
// that it does wrong leaves here but as one.
import { inspect } from 'node:util';
import { unrefTimer } from '../../xds/environment.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { Metadata } from '../grpc/metadata.ts';
import { status } from '../grpc/status.ts';
import type { TargetTls } from '../grpc/target.ts';
import type { HeaderShapes } from '../http2/index.ts';
import type { Log } from '../observe/log.ts';
import type { CallFacts } from './call-facts.ts';
import type { Decision, Director, HeadChange, PendingDecision, Rejection } from './decision.ts';
import { DirectedHeads } from './directed-head.ts';
import {
  type DirectorAnswer,
  type DirectorFunction,
  type Forward,
  type Reject,
  type Retry,
  retryPolicy,
  thrownStatus,
} from './director-answer.ts';
import { DirectorCall } from './director-call.ts';

/** The cluster of a target; `ready`: `null`, or settles once its endpoints are known. */
export interface DirectedTarget {
  readonly cluster: string;
  readonly ready: Promise<void> | null;
}

export interface Targets {
  /** Answers `null` where there are too many targets. */
  use(target: string | readonly string[], tls: boolean | TargetTls): DirectedTarget | null;
  /** Answers `null` where no such cluster is declared. */
  declared(name: string): DirectedTarget | null;
}

export interface LocalTarget {
  readonly cluster: string;
  /** `null`: heads pass as they are. */
  readonly rewrite: HeadChange | null;
}

export interface UserDirectorOptions {
  readonly direct: DirectorFunction;
  /** How long it may take. */
  readonly timeoutMs: number;
  readonly targets: Targets;
  /** The handlers that live in this process, for a path that one of them serves; they go before. */
  readonly local: (path: string) => LocalTarget | null;
  readonly shapes: HeaderShapes;
  readonly log: Log;
}

/** A decision, and what it has to wait for. */
interface Settled {
  readonly decision: Decision;
  readonly ready: Promise<void> | null;
}

export class UserDirector implements Director {
  readonly #options: UserDirectorOptions;
  readonly #heads: DirectedHeads;

  constructor(options: UserDirectorOptions) {
    this.#options = options;
    this.#heads = new DirectedHeads(options.shapes);
  }

  direct(head: CallHead, facts: CallFacts): Decision | PendingDecision {
    const local = this.#options.local(`/${head.method}`);
    if (local !== null) return forwardTo(local.cluster, {}, local.rewrite);
    const call = new DirectorCall(head, facts);
    try {
      const answer = this.#options.direct(call);
      if (isPromise(answer)) return this.#waitFor(answer, call);
      const { decision, ready } = this.#settle(answer, call);
      return ready === null ? decision : pendingUntil(ready, decision);
    } catch (error) {
      return this.#failed(error, call);
    }
  }

  #waitFor(answer: PromiseLike<DirectorAnswer>, call: DirectorCall): PendingDecision {
    const { timeoutMs, log } = this.#options;
    let isOver = false;
    const stop = (): void => {
      isOver = true;
      cancelTimer();
      DirectorCall.end(call);
    };
    let cancelTimer = (): void => {};
    const decision = new Promise<Decision>((resolve, fail) => {
      const end = (outcome: () => Settled): void => {
        if (isOver) return;
        isOver = true;
        cancelTimer();
        let settled: Settled;
        try {
          settled = outcome();
        } catch (error) {
          settled = { decision: this.#failed(error, call), ready: null };
        }
        if (settled.ready === null) resolve(settled.decision);
        else settled.ready.then(() => resolve(settled.decision), fail);
      };
      cancelTimer = unrefTimer(() => {
        stop();
        log('error', 'the director took too long', { method: call.method, timeoutMs });
        const message = `the director of this proxy has not answered within ${timeoutMs / 1000} s`;
        resolve(rejection(status.UNAVAILABLE, message));
      }, timeoutMs);
      // A thenable of anyone's making is tamed so.
      Promise.resolve(answer).then(
        (late) => end(() => this.#settle(late, call)),
        (error: unknown) => end(() => ({ decision: this.#failed(error, call), ready: null })),
      );
    });
    return { kind: 'pending', decision, cancel: stop };
  }

  /** @throws TypeError where the answer is none. */
  #settle(answer: DirectorAnswer, call: DirectorCall): Settled {
    const rejected = thrownStatus(answer);
    if (rejected !== null) return { decision: rejectionOf(rejected), ready: null };
    checkForward(answer);
    const rewrite = this.#heads.change(DirectorCall.block(call), answer.authority, answer.metadata);
    if (answer.cluster !== undefined) {
      const declared = this.#options.targets.declared(answer.cluster);
      if (declared !== null) return { decision: forwardTo(answer.cluster, answer, rewrite), ready: declared.ready };
      throw new TypeError(`there is no cluster ${JSON.stringify(answer.cluster)} among those that are declared`);
    }
    const used = this.#options.targets.use(answer.target, answer.tls ?? false);
    if (used === null) {
      const message = 'this proxy has calls to as many targets as it takes';
      return { decision: rejection(status.RESOURCE_EXHAUSTED, message), ready: null };
    }
    return { decision: forwardTo(used.cluster, answer, rewrite), ready: used.ready };
  }

  /** Whose fault it is, is for the client; what it was, for the log. */
  #failed(error: unknown, call: DirectorCall): Decision {
    const { method } = call;
    let text = 'what it threw can not even be looked at';
    try {
      const thrown = thrownStatus(error);
      if (thrown !== null) return rejectionOf(thrown);
      text = inspect(error);
    } catch {
      // Its own getters throw: that is all that can be said of it.
    }
    this.#options.log('error', 'the director failed', { method, error: text });
    return rejection(status.INTERNAL, `the director of this proxy failed for ${method}; the log of the proxy says why`);
  }
}

/** A decision that is made, and has to wait. */
function pendingUntil(ready: Promise<void>, decision: Decision): PendingDecision {
  return { kind: 'pending', decision: ready.then(() => decision), cancel: () => {} };
}

function forwardTo(
  cluster: string,
  { timeoutMs = null, retry }: { readonly timeoutMs?: number | null; readonly retry?: Retry },
  rewrite: HeadChange | null,
): Decision {
  return {
    kind: 'forward',
    cluster,
    policy: {
      timeoutMs: null,
      // As gRFC A31 has it: the endpoint is told what is left.
      maxStreamDurationMs: timeoutMs,
      grpcTimeoutMaxMs: null,
      retry: retryPolicy(retry),
      unknownClusterStatus: status.UNAVAILABLE,
      hash: null,
      rewrite,
      filterOverrides: null,
    },
  };
}

function rejectionOf({ status: code, message, metadata }: Reject): Decision {
  const decision = rejection(code, message);
  if (metadata === null) return decision;
  return { ...decision, http: { status: null, body: null, fields: Metadata.fields(metadata) } };
}

function rejection(code: number, message: string): Rejection {
  return { kind: 'reject', status: code, message, flag: '-', route: null, http: null };
}

/** What types can't hold a user of JavaScript to. */
function checkForward(answer: unknown): asserts answer is Forward {
  if (typeof answer !== 'object' || answer === null) {
    throw new TypeError(`it answered ${String(answer)}: a target, a cluster or reject(…) is an answer`);
  }
  const { target, cluster, tls, authority, metadata, timeoutMs }: Record<string, unknown> = { ...answer };
  if ((target === undefined) === (cluster === undefined))
    throw new TypeError('its answer has to name a target or a cluster');
  if (cluster !== undefined && typeof cluster !== 'string') throw new TypeError('cluster has to be a string');
  if (tls !== undefined && typeof tls !== 'boolean' && (typeof tls !== 'object' || tls === null)) {
    throw new TypeError('tls has to be a boolean or an object');
  }
  if (authority !== undefined && (typeof authority !== 'string' || !/^[!-~]+$/.test(authority))) {
    throw new TypeError('authority has to be a string such as "api.example.com"');
  }
  if (metadata !== undefined && !(metadata instanceof Metadata)) {
    throw new TypeError('metadata has to be a Metadata, such as call.metadata.with(…) makes');
  }
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0)) {
    throw new TypeError('timeoutMs has to be a number above 0');
  }
}

function isPromise(answer: DirectorAnswer | PromiseLike<DirectorAnswer>): answer is PromiseLike<DirectorAnswer> {
  return typeof answer === 'object' && answer !== null && 'then' in answer && typeof answer.then === 'function';
}
