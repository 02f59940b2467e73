// A mesh that exists only as numbers: a shop that calls a catalogue with two versions at three endpoints. It advances a
// second at a time, the same way each time, and its events (a changed split, an endpoint or agent that dies) are calls.

import type {
  MeshEndpoint,
  MeshMethodHistory,
  MeshSnapshot,
  MeshSpan,
  MeshTrace,
} from '../../agent/admin/mesh-snapshot.ts';

const epochMs = Date.UTC(2026, 10, 24, 12, 0, 0);
const historySeconds = 120;

interface ScriptedMethod {
  readonly method: string;
  readonly service: string;
  readonly rate: number;
  readonly p50Ms: number;
}

const methods: readonly ScriptedMethod[] = [
  { method: 'demo.shop.Shop/PlaceOrder', service: 'shop', rate: 9, p50Ms: 11 },
  { method: 'demo.shop.Shop/Browse', service: 'shop', rate: 5, p50Ms: 7.2 },
  { method: 'demo.catalogue.Catalogue/GetProduct', service: 'catalogue', rate: 12, p50Ms: 3.1 },
  { method: 'demo.catalogue.Catalogue/ListProducts', service: 'catalogue', rate: 5, p50Ms: 14 },
  { method: 'demo.catalogue.Catalogue/AddReviews', service: 'catalogue', rate: 2, p50Ms: 41 },
  { method: 'demo.catalogue.Catalogue/Chat', service: 'catalogue', rate: 0.6, p50Ms: 820 },
];

const instances = [
  { service: 'shop', name: 'shop-1', address: '127.0.0.1:50051', version: 'v1', pid: 41101 },
  { service: 'catalogue', name: 'catalogue-1', address: '127.0.0.1:50061', version: 'v1', pid: 41201 },
  { service: 'catalogue', name: 'catalogue-2', address: '127.0.0.1:50062', version: 'v1', pid: 41202 },
  { service: 'catalogue', name: 'catalogue-3', address: '127.0.0.1:50063', version: 'v2', pid: 41203 },
];

export class ScriptedMesh {
  #second = 0;
  #seed = 7;
  #weights = { v1: 90, v2: 10 };
  #configVersion = 7;
  #changedAtMs = epochMs - 40_000;
  #isIdle = false;
  #failing = 0;
  #problems: MeshSnapshot['config']['problems'] = [];
  readonly #down = new Set<string>();
  readonly #lostAgents = new Set<string>();
  readonly #totals = new Map<string, number>();
  readonly #history = new Map<string, { callsPerSecond: number[]; p50Ms: number[]; p99Ms: number[] }>();
  readonly #times: number[] = [];
  readonly #traces: MeshTrace[] = [];

  /** No call is made until `wake`. */
  sleep(): this {
    this.#isIdle = true;
    return this;
  }

  wake(): void {
    this.#isIdle = false;
  }

  split(v1: number, v2: number): void {
    this.#weights = { v1, v2 };
    this.#configVersion += 1;
    this.#changedAtMs = this.#nowMs();
    this.#problems = [];
  }

  saveBroken(problems: MeshSnapshot['config']['problems']): void {
    this.#problems = problems;
  }

  /** An endpoint ends; a few calls fail before the others take over. */
  kill(name: string): void {
    this.#down.add(name);
    this.#failing = 0.04;
  }

  loseAgent(name: string): void {
    this.#lostAgents.add(name);
  }

  /** Advances by so many seconds and answers the last snapshot. */
  advance(seconds: number): MeshSnapshot {
    let snapshot = this.next();
    for (let left = seconds - 1; left > 0; left -= 1) snapshot = this.next();
    return snapshot;
  }

  next(): MeshSnapshot {
    this.#second += 1;
    const rates = methods.map((each) => this.#advanceMethod(each));
    const rateOf = (service: string) =>
      rates.filter((each) => each.service === service).reduce((sum, each) => sum + each.callsPerSecond, 0);
    const shop = rateOf('shop');
    const wanted = rateOf('catalogue');
    const endpoints = [...this.#shareOut('shop', shop), ...this.#shareOut('catalogue', wanted)];
    if (!this.#isIdle) this.#addTraces();
    this.#times.push(this.#nowMs());
    if (this.#times.length > historySeconds) this.#times.shift();
    return {
      atMs: this.#nowMs(),
      agents: ['shop', 'catalogue'].map((service) => ({
        name: `${service}-agent`,
        services: [service],
        nodeId: `${service}-agent`,
        reachable: !this.#lostAgents.has(`${service}-agent`),
        ready: true,
        controlPlaneConnected: true,
        configVersion: String(this.#configVersion),
      })),
      services: ['shop', 'catalogue'].map((name) => ({
        name,
        endpoints: endpoints.filter((each) => each.service === name).map(({ service: _, ...endpoint }) => endpoint),
      })),
      edges: [
        { from: 'traffic', to: 'shop', callsPerSecond: shop, errorRate: 0, p50Ms: 9.4, p99Ms: 38 },
        { from: 'shop', to: 'catalogue', callsPerSecond: wanted, errorRate: this.#failing, p50Ms: 4.2, p99Ms: 21 },
      ].map((edge) => (this.#isIdle ? { ...edge, p50Ms: null, p99Ms: null } : edge)),
      methods: rates,
      history: {
        atMs: [...this.#times],
        methods: [...this.#history].map(
          ([method, column]): MeshMethodHistory => ({
            method,
            callsPerSecond: [...column.callsPerSecond],
            p50Ms: [...column.p50Ms],
            p99Ms: [...column.p99Ms],
          }),
        ),
      },
      traces: [...this.#traces],
      config: {
        file: 'mesh.yaml',
        version: String(this.#configVersion),
        changedAtMs: this.#changedAtMs,
        splits: [
          {
            service: 'catalogue',
            shares: [
              { version: 'v1', weight: this.#weights.v1 },
              { version: 'v2', weight: this.#weights.v2 },
            ],
          },
        ],
        problems: this.#problems,
      },
    };
  }

  #advanceMethod({ method, service, rate, p50Ms }: ScriptedMethod): MeshSnapshot['methods'][number] {
    const callsPerSecond = this.#isIdle ? 0 : Math.max(0, rate * (1 + 0.25 * this.#wave()));
    const now = { p50Ms: p50Ms * (1 + 0.12 * this.#wave()), p99Ms: p50Ms * (3 + 1.6 * this.#wave()) };
    const column = this.#history.get(method) ?? { callsPerSecond: [], p50Ms: [], p99Ms: [] };
    this.#history.set(method, column);
    column.callsPerSecond.push(callsPerSecond);
    column.p50Ms.push(now.p50Ms);
    column.p99Ms.push(now.p99Ms);
    if (column.p50Ms.length > historySeconds) for (const values of Object.values(column)) values.shift();
    const errorsPerSecond = service === 'catalogue' ? callsPerSecond * this.#failing : 0;
    if (this.#isIdle) return { method, service, callsPerSecond, errorsPerSecond, p50Ms: null, p99Ms: null };
    return { method, service, callsPerSecond, errorsPerSecond, ...now };
  }

  /** Exactly by weight, so that a test can name the share it expects. */
  #shareOut(service: string, rate: number): (MeshEndpoint & { readonly service: string })[] {
    const members = instances.filter((each) => each.service === service);
    return members.map((instance) => {
      const { name, version } = instance;
      const up = !this.#down.has(name);
      const peers = members.filter((each) => each.version === version && !this.#down.has(each.name)).length;
      const weight = version === 'v1' ? this.#weights.v1 : this.#weights.v2;
      const part = service === 'shop' ? 1 : weight / (this.#weights.v1 + this.#weights.v2) / peers;
      const callsPerSecond = up ? rate * part : 0;
      const callsTotal = (this.#totals.get(name) ?? 0) + callsPerSecond;
      this.#totals.set(name, callsTotal);
      return { ...instance, up, callsTotal, callsPerSecond };
    });
  }

  #addTraces(): void {
    for (let count = 0; count < 2; count += 1) {
      this.#traces.unshift(this.#trace(this.#nowMs() - 900 + count * 400));
    }
    this.#traces.length = Math.min(this.#traces.length, 50);
  }

  #trace(startMs: number): MeshTrace {
    const id = (this.#second * 16 + this.#traces.length).toString(16).padStart(8, '0');
    const failed = this.#failing > 0 && this.#second % 5 === 0;
    const total = 9 + 5 * this.#wave();
    const spans: MeshSpan[] = [];
    // Who, with which kind, over which part of the call: each within the one before it.
    const hops = [
      ['shop-agent', 'SERVER', 'demo.shop.Shop/PlaceOrder', 0, 1],
      ['shop', 'SERVER', 'demo.shop.Shop/PlaceOrder', 0.05, 0.92],
      ['shop-agent', 'CLIENT', 'demo.catalogue.Catalogue/GetProduct', 0.2, 0.55],
      ['catalogue-agent', 'SERVER', 'demo.catalogue.Catalogue/GetProduct', 0.29, 0.38],
      ['catalogue', 'SERVER', 'demo.catalogue.Catalogue/GetProduct', 0.34, 0.29],
    ] as const;
    for (const [index, [service, kind, name, from, length]] of hops.entries()) {
      const at = startMs + from * total;
      const isFailedHop = failed && index >= 2;
      spans.push({
        spanId: `${id}${index}`.padStart(16, '0'),
        parentSpanId: index === 0 ? '' : `${id}${index - 1}`.padStart(16, '0'),
        name,
        kind,
        service,
        startMs: at,
        durationMs: length * total,
        status: isFailedHop ? 'ERROR' : 'UNSET',
        statusMessage: isFailedHop ? 'catalogue: catalogue-3 closed the connection' : '',
        attributes: {
          'rpc.system.name': 'grpc',
          'rpc.method': name,
          'rpc.status_code': isFailedHop ? 'UNAVAILABLE' : 'OK',
          'server.address': kind === 'CLIENT' ? 'catalogue' : '127.0.0.1',
          'network.peer.address': '127.0.0.1',
          'network.peer.port': 15061,
        },
        events:
          kind === 'CLIENT'
            ? [
                {
                  name: 'outrigger.attempt',
                  atMs: at + 0.04 * total,
                  attributes: { endpoint: '127.0.0.1:15061', queued_ms: 0.2 },
                },
                { name: 'outrigger.first_byte', atMs: at + 0.46 * total, attributes: {} },
                { name: 'outrigger.trailers', atMs: at + 0.54 * total, attributes: { 'grpc-status': 0 } },
              ]
            : [],
      });
    }
    return {
      traceId: id.padStart(32, '4'),
      rootName: 'demo.shop.Shop/PlaceOrder',
      startMs,
      durationMs: total,
      spans,
    };
  }

  #nowMs(): number {
    return epochMs + this.#second * 1000;
  }

  /** Between -1 and 1, a different one each time and the same in each run. */
  #wave(): number {
    this.#seed = (this.#seed * 16807) % 2147483647;
    return (this.#seed / 2147483647) * 2 - 1;
  }
}
