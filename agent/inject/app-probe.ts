// What the injector tells the agent of the application's probes (`OUTRIGGER_APP_PROBES`), and the agent reads.
import { isPresent, type Json, type JsonObject, objectOf } from './json.ts';

/** What the agent asks, as Kubernetes spells it, its port a number. */
export interface AppProbe {
  readonly httpGet?: JsonObject;
  readonly tcpSocket?: JsonObject;
  readonly grpc?: JsonObject;
  readonly timeoutSeconds: number;
}

export type AppProbes = ReadonlyMap<string, AppProbe>;

/** The inverse of what the injector writes into `OUTRIGGER_APP_PROBES`. Throws an Error of one sentence. */
export function parseAppProbes(text: string): AppProbes {
  if (text === '') return new Map();
  let json: JsonObject;
  try {
    json = objectOf(JSON.parse(text) as Json);
  } catch {
    throw new Error('OUTRIGGER_APP_PROBES is not JSON');
  }
  const probes = Object.entries(json).map(([path, value]) => {
    const { httpGet, tcpSocket, grpc, timeoutSeconds } = objectOf(value);
    const handler = isPresent(httpGet)
      ? { httpGet: objectOf(httpGet) }
      : isPresent(tcpSocket)
        ? { tcpSocket: objectOf(tcpSocket) }
        : { grpc: objectOf(grpc) };
    const port = Object.values(handler)[0]?.['port'];
    if (typeof port !== 'number') throw new Error(`OUTRIGGER_APP_PROBES: ${path} names no port`);
    return [path, { ...handler, timeoutSeconds: typeof timeoutSeconds === 'number' ? timeoutSeconds : 1 }] as const;
  });
  return new Map(probes);
}
