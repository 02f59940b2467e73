// What a route makes of the heads that pass it: header changes, another path, another authority; and of the head of the
// answer (envoy-behaviours sections 4 and 5).
import type { HostRewrite, PathMatch, PathRewrite } from '../../xds/model/route.ts';
import { byteText } from '../grpc/byte-text.ts';
import type { HeaderBlock, HeaderEdit, HeaderShapes } from '../http2/index.ts';
import type { CallFacts } from './call-facts.ts';
import type { HeadChange } from './decision.ts';
import type { FormatInput } from './header-format.ts';
import type { HeaderMutation, MutationChain } from './header-mutation.ts';
import { compilePathRewrite } from './path-rewrite.ts';
import { compileSubstitution, type TextEdit } from './regex-substitution.ts';
import { splitPath } from './request-path.ts';

/** Edits that all routes of a data plane share. */
export interface RewriteEdits {
  readonly authority: HeaderEdit;
  readonly path: HeaderEdit;
  readonly forwardedHost: HeaderEdit;
}

export function createRewriteEdits(shapes: HeaderShapes): RewriteEdits {
  return {
    // What came as `host` alone is an authority too.
    authority: shapes.edit({ remove: ['host'], set: [{ name: ':authority' }] }),
    path: shapes.edit({ set: [{ name: ':path' }] }),
    forwardedHost: shapes.edit({ set: [{ name: 'x-forwarded-host', mode: 'append' }] }),
  };
}

export interface RewriteRules {
  readonly routeName: string;
  readonly mutations: MutationChain | null;
  readonly path: PathRewrite | null;
  readonly host: HostRewrite | null;
  readonly appendForwardedHost: boolean;
  /** How the route matched, which says how much of the path a prefix rewrite replaces. */
  readonly match: PathMatch;
}

const NO_MUTATIONS: readonly HeaderMutation[] = [];

export class HeadRewrite implements HeadChange {
  readonly #edits: RewriteEdits;
  readonly #routeName: string;
  readonly #mutations: MutationChain | null;
  readonly #path: TextEdit | null;
  readonly #host: HostRule | null;
  readonly #appendForwardedHost: boolean;

  private constructor(rules: RewriteRules, edits: RewriteEdits) {
    this.#edits = edits;
    this.#routeName = rules.routeName;
    this.#mutations = rules.mutations;
    this.#path = rules.path === null ? null : compilePathRewrite(rules.path, rules.match);
    this.#host = rules.host === null ? null : compileHostRewrite(rules.host);
    this.#appendForwardedHost = rules.appendForwardedHost;
  }

  /** `null` where heads pass as they are, both ways. */
  static compile(rules: RewriteRules, edits: RewriteEdits): HeadRewrite | null {
    const isIdle = rules.mutations === null && rules.path === null && rules.host === null;
    return isIdle ? null : new HeadRewrite(rules, edits);
  }

  /** Valid as long as `head` is. */
  request(head: HeaderBlock, facts: CallFacts): HeaderBlock {
    let block = this.#mutated(head, facts);
    if (this.#host !== null) {
      // The rule sees the path that came, the field the authority that came (5.3, 5.4).
      const authority = this.#host(block, facts);
      const old = block.value(':authority') ?? block.value('host') ?? '';
      if (authority !== '' && authority !== old) {
        if (this.#appendForwardedHost) block = block.edit(this.#edits.forwardedHost, [Buffer.from(old, 'latin1')]);
        block = block.edit(this.#edits.authority, [Buffer.from(authority, 'latin1')]);
      }
    }
    if (this.#path === null) return block;
    const { path, query } = splitPath(block.value(':path') ?? '');
    const rewritten = this.#path(path) || '/';
    return block.edit(this.#edits.path, [Buffer.from(query === null ? rewritten : `${rewritten}?${query}`, 'latin1')]);
  }

  /**
   * What goes downstream in place of the head of an answer: the upstream's, or our own. Valid as long as `head` is.
   * @param requestHead as it came; formats that ask for its fields see what the route made of it (envoy-behaviours 4.3),
   * once an endpoint has been chosen for it.
   */
  response(head: HeaderBlock, requestHead: HeaderBlock, facts: CallFacts): HeaderBlock {
    const mutations = this.#mutations?.response ?? NO_MUTATIONS;
    const readsRequest = facts.endpointAddress !== '' && mutations.some((mutation) => mutation.readsRequest);
    const request = readsRequest ? this.#mutated(requestHead, facts) : requestHead;
    let block = head;
    for (const mutation of mutations) {
      block = mutation.apply(block, { request, response: block, facts, routeName: this.#routeName });
    }
    return block;
  }

  #mutated(head: HeaderBlock, facts: CallFacts): HeaderBlock {
    let block = head;
    for (const mutation of this.#mutations?.request ?? []) {
      const input: FormatInput = { request: block, response: null, facts, routeName: this.#routeName };
      block = mutation.apply(block, input);
    }
    return block;
  }
}

type HostRule = (head: HeaderBlock, facts: CallFacts) => string;

function compileHostRewrite(rewrite: HostRewrite): HostRule {
  switch (rewrite.kind) {
    case 'literal': {
      const text = byteText(rewrite.value);
      return () => text;
    }
    case 'endpoint':
      return (_head, { endpointHostname }) => endpointHostname;
    case 'header': {
      const { name } = rewrite;
      return (head) => head.value(name) ?? '';
    }
    case 'path-regex': {
      // Where it does not match, the path itself becomes the authority (5.3).
      const substitute = compileSubstitution(rewrite);
      return (head) => substitute(splitPath(head.value(':path') ?? '').path);
    }
  }
}
