// One look at an agent through its admin port.
import type { MergedRow } from '../stats/stats-reader.ts';
import { decodeStats } from './stats-json.ts';

export interface AgentLook {
  readonly ready: boolean;
  readonly controlPlaneConnected: boolean;
  readonly rows: readonly MergedRow[];
}

const TIMEOUT_MS = 900;

/** `adminUrl`: `http://127.0.0.1:15011`. Null where the agent does not answer, or not as an agent. */
export async function lookAtAgent(adminUrl: string): Promise<AgentLook | null> {
  try {
    const [ready, info, stats] = await Promise.all([
      ask(adminUrl, '/ready'),
      ask(adminUrl, '/server_info'),
      ask(adminUrl, '/stats?format=json'),
    ]);
    const document: unknown = JSON.parse(info.text);
    const connected = typeof document === 'object' && document !== null && 'controlPlaneConnected' in document;
    return {
      ready: ready.status === 200,
      controlPlaneConnected: connected && document.controlPlaneConnected === true,
      rows: decodeStats(stats.text),
    };
  } catch {
    return null;
  }
}

/** Why the agent is not ready, a sentence each; empty where it is. */
export async function askReadiness(adminUrl: string): Promise<readonly string[]> {
  try {
    const { status, text } = await ask(adminUrl, '/ready');
    if (status === 200) return [];
    return text
      .split('\n')
      .slice(1)
      .filter((line) => line !== '');
  } catch {
    return ['its admin port does not answer'];
  }
}

async function ask(adminUrl: string, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(adminUrl + path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  return { status: response.status, text: await response.text() };
}
