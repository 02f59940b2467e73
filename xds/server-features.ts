// How a server is to be understood when it has no good resource for us: by the features that its entry in the bootstrap
// names (gRFC A53, A88). docs/decisions/0008-xds-cases.md says where that differs from gRPC.
import type { ServerConfig } from './model/bootstrap.ts';
import { doesNotExistMs } from './subscription.ts';

export interface DataErrorPolicy {
  /** What is in use is dropped when its newer version is rejected, or the server says that there is none for us. */
  readonly dropsOnError: boolean;
  /** What the server removes stays in use. */
  readonly keepsRemoved: boolean;
  /** How long the server may take to send a resource. */
  readonly resourceTimerMs: number;
  /** Whether a resource that is late does not exist, or the server is slow: then others tell that there is none. */
  readonly lateResource: 'does-not-exist' | 'overdue';
}

/** Of a server that says so when there is no such resource (gRFC A88). */
const patientTimerMs = 30_000;

export function dataErrorPolicy({ features }: Pick<ServerConfig, 'features'>): DataErrorPolicy {
  const dropsOnError = features.includes('fail_on_data_errors');
  const isPatient = features.includes('resource_timer_is_transient_error');
  return {
    dropsOnError,
    keepsRemoved: features.includes('ignore_resource_deletion') && !dropsOnError,
    resourceTimerMs: isPatient ? patientTimerMs : doesNotExistMs,
    lateResource: isPatient ? 'overdue' : 'does-not-exist',
  };
}
