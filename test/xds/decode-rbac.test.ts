// Access control -> model, and what of it is refused or can't be evaluated (gRFC A41; xds.md section 1.3).
import test from 'ava';
import { errorsOf, modelOf, warningsOf } from './decoding.ts';
import { pack, socketAddress } from './messages.ts';

const rbacType = 'envoy.extensions.filters.http.rbac.v3.RBAC';
const managerType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const router = { name: 'router', typed_config: pack('envoy.extensions.filters.http.router.v3.Router', {}) };

function listenerWith(rules: object | null, filter: object = {}): object {
  const manager = {
    stat_prefix: 'in',
    rds: { config_source: { ads: {} }, route_config_name: 'r' },
    http_filters: [{ name: 'rbac', typed_config: pack(rbacType, { rules }), ...filter }, router],
  };
  return {
    name: 'l',
    address: socketAddress('127.0.0.1', 15_006),
    filter_chains: [{ filters: [{ name: 'http', typed_config: pack(managerType, manager) }] }],
  };
}

const at = 'filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.rules';

function filtersOf(message: object) {
  return modelOf('listener', message).filterChains[0]?.http.filters;
}

function rulesOf(permission: object, principal: object = { any: true }) {
  const policies = { p: { permissions: [permission], principals: [principal] } };
  const rules = filtersOf(listenerWith({ action: 'ALLOW', policies }))?.[0]?.rules;
  return [rules?.policies[0]?.permission, rules?.policies[0]?.principal];
}

const one = (rule: object) => ({ kind: 'any-of', rules: [rule] });

test('no rules, rules that only log, and a filter that is off let everything pass', (t) => {
  t.deepEqual(filtersOf(listenerWith(null)), [{ kind: 'rbac', name: 'rbac', rules: null }]);
  t.deepEqual(filtersOf(listenerWith({ action: 'LOG' })), [{ kind: 'rbac', name: 'rbac', rules: null }]);
  t.deepEqual(filtersOf(listenerWith({ action: 'ALLOW' }, { disabled: true })), [
    { kind: 'rbac', name: 'rbac', rules: null },
  ]);
});

test('Consul’s DENY without policies is kept as such (control-planes.md 2.13)', (t) => {
  t.deepEqual(filtersOf(listenerWith({ action: 'DENY' })), [
    { kind: 'rbac', name: 'rbac', rules: { action: 'deny', policies: [] } },
  ]);
  t.deepEqual(warningsOf('listener', listenerWith({ action: 'DENY' })), []);
});

test('each kind of permission', (t) => {
  const exact = { exact: 'a' };
  const match = { kind: 'exact', value: 'a', ignoreCase: false };
  const cases: readonly (readonly [object, object])[] = [
    [{ any: true }, { kind: 'any' }],
    [{ url_path: { path: exact } }, { kind: 'path', match }],
    [
      { header: { name: 'X-A', string_match: exact } },
      { kind: 'header', matcher: { name: 'x-a', match, invert: false, treatMissingAsEmpty: false } },
    ],
    [
      { destination_ip: { address_prefix: '10.0.0.0', prefix_len: { value: 8 } } },
      { kind: 'destination-ip', range: { address: '10.0.0.0', bits: 8 } },
    ],
    [{ destination_port: 80 }, { kind: 'destination-port', first: 80, end: 81 }],
    [{ destination_port_range: { start: 80, end: 90 } }, { kind: 'destination-port', first: 80, end: 90 }],
    [{ requested_server_name: exact }, { kind: 'server-name', match }],
    [{ not_rule: { any: true } }, { kind: 'not', rule: { kind: 'any' } }],
    [{ and_rules: { rules: [{ any: true }] } }, { kind: 'all-of', rules: [{ kind: 'any' }] }],
    [{ or_rules: { rules: [{ any: true }] } }, { kind: 'any-of', rules: [{ kind: 'any' }] }],
  ];
  for (const [message, rule] of cases) t.deepEqual(rulesOf(message)[0] as unknown, one(rule));
});

test('each kind of principal', (t) => {
  const range = { address_prefix: '2001:db8::', prefix_len: { value: 32 } };
  const source = { kind: 'source-ip', range: { address: '2001:db8::', bits: 32 } };
  const regex = { safe_regex: { regex: 'spiffe://.*' } };
  const cases: readonly (readonly [object, object])[] = [
    [{ any: true }, { kind: 'any' }],
    [{ authenticated: {} }, { kind: 'authenticated', match: null }],
    [
      { authenticated: { principal_name: regex } },
      { kind: 'authenticated', match: { kind: 'regex', value: 'spiffe://.*' } },
    ],
    [{ source_ip: range }, source],
    [{ direct_remote_ip: range }, source],
    [{ remote_ip: range }, source],
    [{ not_id: { any: true } }, { kind: 'not', rule: { kind: 'any' } }],
    [{ and_ids: { ids: [{ any: true }] } }, { kind: 'all-of', rules: [{ kind: 'any' }] }],
    [{ or_ids: { ids: [{ any: true }] } }, { kind: 'any-of', rules: [{ kind: 'any' }] }],
  ];
  for (const [message, rule] of cases) t.deepEqual(rulesOf({ any: true }, message)[1] as unknown, one(rule));
});

test('what can’t be evaluated becomes a rule that lets nothing pass, and is told by its path', (t) => {
  const policies = {
    p: { permissions: [{ metadata: {} }], principals: [{ not_id: { filter_state: { key: 'k' } } }], condition: {} },
  };
  const message = listenerWith({ policies });
  const kinds = JSON.stringify(filtersOf(message)).match(/"kind":"unknown"/g) ?? [];
  t.is(kinds.length, 3);
  t.deepEqual(warningsOf('listener', message), [
    `${at}.policies[p].permissions[0].metadata: metadata of a call is not matched, so no call passes because of it`,
    `${at}.policies[p].principals[0].not_id.filter_state: there is no filter state, so no call passes because of it`,
    `${at}.policies[p].condition: conditions in CEL are not evaluated, so no call passes because of it`,
  ]);
  t.is(errorsOf('listener', message, 'reject').length, 3);
});

test('rules that make no sense are refused by their path', (t) => {
  const errors = (permission: object | null) =>
    errorsOf(
      'listener',
      listenerWith({
        policies: { p: { permissions: permission === null ? [] : [permission], principals: [{ any: true }] } },
      }),
    );
  const where = `${at}.policies[p].permissions`;
  t.deepEqual(errors(null), [`${where}: must not be empty`]);
  t.deepEqual(errors({ any: false }), [`${where}[0].any: must be true`]);
  t.deepEqual(errors({ destination_port: 70_000 }), [`${where}[0].destination_port: 70000 is not a port`]);
  t.deepEqual(errors({ destination_ip: { address_prefix: 'shop' } }), [
    `${where}[0].destination_ip.address_prefix: "shop" is not an IP address`,
  ]);
  t.deepEqual(errors({ destination_ip: { address_prefix: '10.0.0.0', prefix_len: { value: 33 } } }), [
    `${where}[0].destination_ip.prefix_len: 33 is longer than the address`,
  ]);
  t.deepEqual(errors({ url_path: {} }), [`${where}[0].url_path.path: required`]);
  t.deepEqual(errors({ and_rules: {} }), [`${where}[0].and_rules.rules: must not be empty`]);
  let deep: object = { any: true };
  for (let i = 0; i < 40; i++) deep = { not_rule: deep };
  t.regex(errors(deep)[0] ?? '', /rules are nested more than 32 deep$/);
});

test('routes give filters other rules, or take them away', (t) => {
  const perRoute = (rules: object) => pack('envoy.extensions.filters.http.rbac.v3.RBACPerRoute', rules);
  const wrapped = (config: object) => pack('envoy.config.route.v3.FilterConfig', config);
  const overridesOf = (configs: object) =>
    modelOf('route', {
      name: 'r',
      virtual_hosts: [{ name: 'v', domains: ['*'], typed_per_filter_config: configs }],
    }).virtualHosts[0]?.filterOverrides;
  const rules = { rbac: { rules: { action: 'DENY' } } };
  t.deepEqual(overridesOf({ a: perRoute(rules) }), { a: { action: 'deny', policies: [] } });
  t.deepEqual(overridesOf({ a: perRoute({}) }), { a: null });
  t.deepEqual(overridesOf({ a: wrapped({ config: perRoute(rules) }) }), { a: { action: 'deny', policies: [] } });
  t.deepEqual(overridesOf({ a: wrapped({ disabled: true }) }), { a: null });
  t.is(overridesOf({}), null);
  t.is(overridesOf({ a: pack('envoy.extensions.filters.http.router.v3.Router', {}) }), null);
});

test('what a route asks of browsers, and nobody enforces, is told by its field path', (t) => {
  const value = {
    type_url: 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy',
    value: Buffer.of(),
  };
  const configs = { 'envoy.filters.http.cors': value };
  t.deepEqual(
    warningsOf('route', {
      name: 'r',
      virtual_hosts: [{ name: 'v', domains: ['*'], typed_per_filter_config: configs }],
    }),
    [
      'virtual_hosts[0].typed_per_filter_config[envoy.filters.http.cors]: ' +
        '(envoy.extensions.filters.http.cors.v3.CorsPolicy) is not carried out',
    ],
  );
});
