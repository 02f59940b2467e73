// What a server does not send in time after it was asked for: it does not exist (gRFC A57, xds.md cases 46 to 50), or the
// server is late, where it is one that says when there is none (gRFC A88, case 52).
import type { Log, SetTimer } from './environment.ts';
import type { ResourceType } from './model/resource.ts';
import type { DataErrorPolicy } from './server-features.ts';
import { nextSubscriptionState } from './subscription.ts';
import type { TypeState } from './type-state.ts';

export interface AbsenceTimersOptions {
  readonly types: Readonly<Record<ResourceType, TypeState>>;
  /** Who is asked, for the log. */
  readonly server: () => string;
  readonly log: Log;
  readonly setTimer: SetTimer;
  /** Of the server that is asked. */
  readonly policy: () => DataErrorPolicy;
  /** The resource does not exist. */
  readonly onAbsent: (type: ResourceType, name: string) => void;
  /** The server has not sent the resource, and not said either that there is none. */
  readonly onOverdue: (type: ResourceType, name: string) => void;
  /** The server says nothing of a whole type. */
  readonly onSilence: (type: ResourceType) => void;
}

export class AbsenceTimers {
  readonly #options: AbsenceTimersOptions;

  constructor(options: AbsenceTimersOptions) {
    this.#options = options;
  }

  /** What is wanted of this type is on its way to the server: one timer for all that was not asked for before. */
  start(type: ResourceType): void {
    const state = this.#options.types[type];
    const names = [...state.states].filter(([, step]) => step === 'started').map(([name]) => name);
    for (const name of names) state.step(name, 'sent');
    const hasWildcard = state.wildcardWatchers.size > 0 && state.wildcardState === 'started';
    if (hasWildcard) state.wildcardState = nextSubscriptionState(state.wildcardState, 'sent');
    if (names.length === 0 && !hasWildcard) return;
    const policy = this.#options.policy();
    const cancel = this.#options.setTimer(() => {
      state.timers.delete(cancel);
      this.#expire(type, names, hasWildcard, policy);
    }, policy.resourceTimerMs);
    state.timers.add(cancel);
  }

  #expire(type: ResourceType, names: readonly string[], hasWildcard: boolean, policy: DataErrorPolicy): void {
    const { types, server, log, onAbsent, onOverdue, onSilence } = this.#options;
    const isOverdue = policy.lateResource === 'overdue';
    const seconds = policy.resourceTimerMs / 1000;
    const state = types[type];
    const missing = names.filter((name) => state.states.get(name) === 'requested');
    if (missing.length > 0) {
      const hint = isOverdue
        ? 'it is slow, for it would have said that there is none'
        : 'it may not exist, or the server may need all names: some answer only a request for every name they know';
      log('warn', `the xDS server did not send a resource within ${seconds} s: ${hint}`, {
        server: server(),
        type,
        names: missing.slice(0, 10),
        count: missing.length,
      });
    }
    for (const name of missing) {
      state.step(name, isOverdue ? 'late' : 'timed-out');
      if (isOverdue) onOverdue(type, name);
      else onAbsent(type, name);
    }
    if (!hasWildcard || state.wildcardState !== 'requested') return;
    state.wildcardState = nextSubscriptionState(state.wildcardState, 'timed-out');
    log('warn', `the xDS server did not answer within ${seconds} s`, { server: server(), type });
    onSilence(type);
  }
}
