// What the programs of the demo have in common as processes: their flags, and how they end.
import { parseArgs } from 'node:util';
import { type Server, ServerCredentials } from '@grpc/grpc-js';

/** Values of `--name value` flags, with these defaults; anything else on the command line ends the program with 64. */
export function readFlags<Name extends string>(defaults: Readonly<Record<Name, string>>): Record<Name, string> {
  const names = Object.keys(defaults) as Name[];
  try {
    const { values } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) });
    return Object.fromEntries(names.map((name) => [name, values[name] ?? defaults[name]])) as Record<Name, string>;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(64);
  }
}

/** Serves at `host:port`, and says so in one line on stdout; a port that is taken ends the program with 1. */
export function serve(server: Server, address: string, what: string): void {
  server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) {
      console.error(`${what} cannot listen on ${address}: ${error.message}`);
      process.exit(1);
    }
    console.log(`${what} listens on ${address.slice(0, address.lastIndexOf(':'))}:${port}`);
  });
  onEnd(() => {
    // Calls in flight may finish, but not hold the end up: who asked for it waits two seconds in all.
    server.tryShutdown(() => process.exit(0));
    setTimeout(() => process.exit(0), 500).unref();
  });
}

/** Runs `end` once, on SIGTERM, SIGINT, or when the process that started this one is gone. */
export function onEnd(end: () => void): void {
  let isEnding = false;
  for (const sign of ['SIGTERM', 'SIGINT', 'disconnect']) {
    process.on(sign, () => {
      if (isEnding) return;
      isEnding = true;
      end();
    });
  }
}
