// The director of a listener whose calls each name another listener with their authority: it finds that one, and hands the
// call on to its rules.
import { listenerNameOf } from '../../xds/model/resource-name.ts';
import { quoteText } from '../grpc/byte-text.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { status } from '../grpc/status.ts';
import type { Decision, Director, PendingDecision, Rejection } from './decision.ts';
import type { OnDemandNames, Rules } from './on-demand-names.ts';

export interface ExplainedDirector<Context> extends Director<Context> {
  /** Line by line: which route takes the call, and why each one before it did not. */
  explain(head: CallHead): string[];
}

export class AuthorityDirector<Context extends { readonly director: ExplainedDirector<Context> }>
  implements ExplainedDirector<Context>
{
  readonly #template: string;
  readonly #names: OnDemandNames<Context>;

  /** `template`: of the listener's name, `%s` stands for the authority. */
  constructor(template: string, names: OnDemandNames<Context>) {
    this.#template = template;
    this.#names = names;
  }

  /** UNIMPLEMENTED where a call names nothing; UNAVAILABLE where its listener cannot be had (gRFC A27), with the reason. */
  direct({ authority }: CallHead): Decision<Context> | PendingDecision<Context> {
    if (authority === '') {
      const message = 'the call names no authority, which is how its listener would be found';
      return { kind: 'reject', status: status.UNIMPLEMENTED, message, flag: 'NR', route: null, http: null };
    }
    const name = listenerNameOf(this.#template, authority);
    const found = this.#names.find(name);
    if (!(found instanceof Promise)) return decisionOf(authority, found);
    return {
      kind: 'pending',
      decision: found.then((rules) => decisionOf(authority, rules)),
      cancel: () => this.#names.leave(name, found),
    };
  }

  explain(head: CallHead): string[] {
    const name = listenerNameOf(this.#template, head.authority);
    const context = this.#names.peek(name);
    const first = `authority ${quoteText(head.authority)} names listener ${name}`;
    return context === null
      ? [`${first}, which has not come from the control plane (no call has named it lately, or there is none)`]
      : [first, ...context.director.explain(head)];
  }
}

function decisionOf<Context>(authority: string, rules: Rules<Context>): Decision<Context> {
  return rules.kind === 'found' ? { kind: 'handed-on', context: rules.context } : rejection(authority, rules);
}

function rejection(authority: string, { cause, reason }: Extract<Rules<unknown>, { kind: 'refused' }>): Rejection {
  return {
    kind: 'reject',
    status: status.UNAVAILABLE,
    message: `no listener for authority ${quoteText(authority)}: ${reason}`,
    flag: cause === 'limit' ? 'UO' : 'NR',
    route: null,
    http: null,
  };
}
