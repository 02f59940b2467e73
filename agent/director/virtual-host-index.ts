// Which virtual host an authority belongs to: exact, then the longest suffix (`*.x`), then the longest prefix (`x.*`), then
// `*`. Case never matters; the port is part of the text (envoy-behaviours section 1).
import { asciiLower, byteText } from '../grpc/byte-text.ts';

export interface DomainsOwner {
  readonly domains: readonly string[];
}

export interface DomainMatch<T> {
  readonly owner: T;
  /** The domain that matched, as configured. */
  readonly domain: string;
}

export class VirtualHostIndex<T extends DomainsOwner> {
  readonly #ignorePort: boolean;
  readonly #exact = new Map<string, DomainMatch<T>>();
  readonly #suffixes = new AffixTable<DomainMatch<T>>((text, length) => text.slice(text.length - length));
  readonly #prefixes = new AffixTable<DomainMatch<T>>((text, length) => text.slice(0, length));
  #any: DomainMatch<T> | null = null;

  constructor(ignorePort: boolean) {
    this.#ignorePort = ignorePort;
  }

  /** Of a domain that is named twice the first counts; the decoder refuses such configurations. */
  add(owner: T): void {
    for (const domain of owner.domains) this.#add(asciiLower(byteText(domain)), { owner, domain });
  }

  /** @param authority latin1, in any case; may be empty. */
  find(authority: string): DomainMatch<T> | null {
    const lower = asciiLower(this.#ignorePort ? withoutPort(authority) : authority);
    return this.#exact.get(lower) ?? this.#suffixes.find(lower) ?? this.#prefixes.find(lower) ?? this.#any;
  }

  #add(domain: string, match: DomainMatch<T>): void {
    if (domain === '*') this.#any ??= match;
    else if (domain.startsWith('*')) this.#suffixes.add(domain.slice(1), match);
    else if (domain.endsWith('*')) this.#prefixes.add(domain.slice(0, -1), match);
    else if (!this.#exact.has(domain)) this.#exact.set(domain, match);
  }
}

/** Texts that may stand at one end of another, looked up by length, longest first. */
class AffixTable<T> {
  readonly #cut: (text: string, length: number) => string;
  readonly #byLength = new Map<number, Map<string, T>>();
  #lengths: number[] = [];

  constructor(cut: (text: string, length: number) => string) {
    this.#cut = cut;
  }

  add(affix: string, value: T): void {
    let known = this.#byLength.get(affix.length);
    if (known === undefined) {
      known = new Map();
      this.#byLength.set(affix.length, known);
      this.#lengths = [...this.#byLength.keys()].sort((a, b) => b - a);
    }
    if (!known.has(affix)) known.set(affix, value);
  }

  find(text: string): T | undefined {
    for (const length of this.#lengths) {
      // The star stands for at least one character (1.2).
      if (length >= text.length) continue;
      const found = this.#byLength.get(length)?.get(this.#cut(text, length));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

/** `h:` and `h:x` have no port, and neither has a bare IPv6 address in brackets. */
function withoutPort(authority: string): string {
  return authority.replace(/:[0-9]+$/, '');
}
