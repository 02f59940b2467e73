// Functions of the caller's, called from within the data plane: what they throw stops there.
import type { CallObserver, ObservedCall } from '../observe/call-observer.ts';
import type { Log } from '../observe/log.ts';

/** An observer whose faults are logged, once for each of its methods, and do nothing else. */
export function containObserver(observer: CallObserver, log: Log): CallObserver {
  const failed = new Set<string>();
  const contain = (name: keyof CallObserver) => {
    return (call: ObservedCall): void => {
      try {
        observer[name](call);
      } catch (error) {
        if (!failed.has(name)) log('error', 'an observer failed', { at: name, error: String(error) });
        failed.add(name);
      }
    };
  };
  return {
    callStarted: contain('callStarted'),
    callRouted: contain('callRouted'),
    callEnded: contain('callEnded'),
  };
}

/** A log that throws loses its line. */
export function containLog(log: Log): Log {
  return (level, message, fields) => {
    try {
      log(level, message, fields);
    } catch {
      // There is nowhere left to say so.
    }
  };
}

/** Warnings and errors on stderr, a line each. */
export const stderrLog: Log = (level, message, fields = {}) => {
  if (level !== 'warn' && level !== 'error') return;
  process.stderr.write(`outrigger: ${level}: ${message} ${JSON.stringify(fields)}\n`);
};
