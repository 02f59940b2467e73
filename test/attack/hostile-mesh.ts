// A mesh of which one endpoint is hostile.
import type { ServingResource } from '../../xds/model/resource.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../support/resources.ts';

/** Calls under this path are led to the hostile endpoint, all others to the innocent one. */
export const hostilePath = '/hostile.Test/Call';

/** Its listener is called `app`. `maxRequests`: of either cluster; `null`: the default. */
export function hostileMesh(
  endpointPort: number,
  hostilePort: number,
  maxRequests: number | null = null,
): ServingResource[] {
  const routes = routeConfiguration('routes', {
    '*': [route(forward('hostile'), { kind: 'prefix', value: '/hostile.' }), route(forward('app'))],
  });
  return [
    { type: 'cluster', value: { ...cluster('app'), maxRequests } },
    { type: 'cluster', value: { ...cluster('hostile'), maxRequests } },
    { type: 'endpoints', value: endpoints('app', [endpointPort]) },
    { type: 'endpoints', value: endpoints('hostile', [hostilePort]) },
    { type: 'route', value: routes },
    { type: 'listener', value: listener('app', 'inbound', 'routes') },
  ];
}
