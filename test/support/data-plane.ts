// A data plane in the test's own process: it knows not which thread it is on.
import { DataPlane } from '../../agent/data-plane.ts';
import type { DataPlaneSettings, SamplingSettings, Up } from '../../agent/link.ts';
import type { ResourceName, ServingResource } from '../../xds/model/resource.ts';

export interface TestDataPlane {
  /** Everything that came up so far. */
  readonly ups: readonly Up[];
  /** The first message, past or to come, of that kind that satisfies the condition. */
  up<Kind extends Up['kind']>(
    kind: Kind,
    condition?: (up: Extract<Up, { kind: Kind }>) => boolean,
  ): Promise<Extract<Up, { kind: Kind }>>;
  port(listener: string): Promise<number>;
  apply(upsert: readonly ServingResource[], remove?: readonly ResourceName[]): void;
  readonly plane: DataPlane;
  stop(): void;
}

const NEVER: SamplingSettings = { enabled: false, parentBased: true, ratio: 0 };

/** `onStats` is given the block in which the data plane counts. */
export function startDataPlane(
  resources: readonly ServingResource[],
  sampling: SamplingSettings = NEVER,
  onStats: (stats: SharedArrayBuffer) => void = () => {},
  settings: Partial<DataPlaneSettings> = {},
  askKernel?: ConstructorParameters<typeof DataPlane>[2],
): TestDataPlane {
  const stats = new SharedArrayBuffer(8 * 1024 * 1024);
  onStats(stats);
  const ups: Up[] = [];
  let waiting: ((up: Up) => boolean)[] = [];
  const post = (up: Up): void => {
    ups.push(up);
    waiting = waiting.filter((taken) => !taken(up));
  };
  const own: DataPlaneSettings = { worker: 0, reusePort: false, stats, logLevel: 'warn', sampling, ...settings };
  const plane = new DataPlane(own, post, askKernel);
  let version = 0;
  const self: TestDataPlane = {
    ups,
    plane,
    up: (kind, condition = () => true) => {
      type Wanted = Extract<Up, { kind: typeof kind }>;
      const wanted = (up: Up): up is Wanted => up.kind === kind && condition(up as Wanted);
      const past = ups.find(wanted);
      if (past !== undefined) return Promise.resolve(past);
      return new Promise((resolve) => {
        waiting.push((up) => {
          if (!wanted(up)) return false;
          resolve(up);
          return true;
        });
      });
    },
    port: async (listener) => (await self.up('listener-bound', ({ name }) => name === listener)).port,
    apply: (upsert, remove = []) => plane.receive({ kind: 'config', version: ++version, update: { upsert, remove } }),
    stop: () => plane.stop(),
  };
  self.apply(resources);
  return self;
}
