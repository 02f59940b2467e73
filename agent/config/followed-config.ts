// A configuration file that is followed while the agent runs: a save is applied whole, a broken one leaves the last good
// one in use. The files that it names (certificates) are followed alike.
import type { Resource } from '../../xds/model/resource.ts';
import type { Log } from '../observe/log.ts';
import type { StatsCounter, StatsGauge, StatsRegion } from '../stats/stats-region.ts';
import type { ParsedConfig } from './config-source.ts';
import { type FileWatch, watchFile } from './file-watch.ts';

/** A file that has been read once, and how to read it again. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly parsed: ParsedConfig;
  /** Reads the files that it names anew. Never throws. */
  readonly parse: (text: string) => ParsedConfig;
}

/** What the agent shows of its file. */
export interface ConfigFileState {
  readonly path: string;
  /** `stale`: the last save is broken, and the last good one serves. */
  readonly state: 'current' | 'stale';
  /** When what serves was read, ISO 8601. */
  readonly appliedAt: string;
  /** What is wrong with the last save; empty where nothing is. */
  readonly problems: readonly string[];
}

export interface FollowedConfigOptions {
  readonly file: ConfigFile;
  readonly log: Log;
  readonly stats: StatsRegion;
  /** Puts resources in use in place of all that there were; answers how many differ. */
  readonly apply: (resources: readonly Resource[]) => number;
}

export class FollowedConfig {
  readonly #options: FollowedConfigOptions;
  readonly #watches = new Map<string, FileWatch>();
  readonly #stale: StatsGauge;
  readonly #reloads: Readonly<Record<'applied' | 'rejected', StatsCounter>>;
  #text: string;
  #state: ConfigFileState;

  constructor(options: FollowedConfigOptions) {
    const { file, stats } = options;
    this.#options = options;
    this.#text = file.text;
    this.#state = { path: file.path, state: 'current', appliedAt: new Date().toISOString(), problems: [] };
    this.#stale = stats.gauge('outrigger_config_file_stale', {});
    const reloads = 'outrigger_config_file_reloads_total';
    this.#reloads = {
      applied: stats.counter(reloads, { result: 'applied' }),
      rejected: stats.counter(reloads, { result: 'rejected' }),
    };
  }

  get state(): ConfigFileState {
    return this.#state;
  }

  /** Applies what was read of the file, which must be sound, and follows it from then on. */
  start(): void {
    const { file, apply } = this.#options;
    apply(file.parsed.resources);
    this.#warn(file.parsed);
    this.#watch(file.path, file.text, (text) => {
      this.#text = text;
      this.#reload();
    });
    this.#followNamed(file.parsed);
  }

  stop(): void {
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #reload(): void {
    const { file, log, apply } = this.#options;
    const parsed = file.parse(this.#text);
    this.#followNamed(parsed);
    if (parsed.problems.length > 0) {
      this.#reject(parsed.problems);
      return;
    }
    const changed = apply(parsed.resources);
    this.#state = { path: file.path, state: 'current', appliedAt: new Date().toISOString(), problems: [] };
    this.#stale.set(0);
    this.#reloads.applied.add(1);
    log('info', 'the configuration file is applied', { file: file.path, changed });
    this.#warn(parsed);
  }

  #reject(problems: readonly string[]): void {
    const { file, log } = this.#options;
    this.#state = { ...this.#state, state: 'stale', problems };
    this.#stale.set(1);
    this.#reloads.rejected.add(1);
    log('error', 'the configuration file is broken; the last good one goes on serving', { file: file.path, problems });
  }

  #warn({ warnings }: ParsedConfig): void {
    for (const warning of warnings) {
      this.#options.log('warn', 'the configuration file says what has no effect', { field: warning });
    }
  }

  /** Files that are not named any more are let go; a new one counts as read with what was read of it just now. */
  #followNamed({ files }: ParsedConfig): void {
    const { path: own } = this.#options.file;
    for (const [path, watch] of this.#watches) {
      if (path === own || files.has(path)) continue;
      watch.close();
      this.#watches.delete(path);
    }
    for (const [path, text] of files) {
      if (!this.#watches.has(path)) this.#watch(path, text ?? '', () => this.#reload());
    }
  }

  #watch(path: string, text: string, onChange: (text: string) => void): void {
    // A file that is gone is a broken save; one that was never there is told by whatever names it.
    const onProblem = (message: string): void => {
      if (text !== '') this.#reject([message]);
    };
    try {
      this.#watches.set(path, watchFile({ path, text, onChange, onProblem }));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log('warn', 'a file of the configuration is not followed', { file: path, reason });
    }
  }
}
