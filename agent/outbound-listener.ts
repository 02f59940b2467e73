// The listener for calls that each name a listener of the control plane's with their authority.
import type { ServingResource } from '../xds/model/resource.ts';

/**
 * The agent's own: a name that no authority can have, so that it is never another one's.
 *
 * @param template how the name of a listener is made of an authority: `%s` stands for it.
 */
export function outboundListener(port: number, template: string): ServingResource {
  const http = {
    statPrefix: 'outbound',
    routes: { kind: 'by-authority', template },
    filters: [],
    maxStreamDurationMs: null,
    maxConcurrentStreams: null,
  } as const;
  return {
    type: 'listener',
    value: {
      name: 'outbound (on demand)',
      address: { host: '127.0.0.1', port },
      direction: 'outbound',
      filterChains: [{ name: '', match: null, tls: null, http }],
      unusableChains: [],
      defaultFilterChain: null,
    },
  };
}
