// Header matchers. Numbers are those of reference envoy-behaviours, section 3.
import test from 'ava';
import type { HeaderMatcher } from '../../xds/model/matcher.ts';
import { call, clusterOf, exact, header, regex, route, tableOf } from './routes.ts';

type Fields = [name: string, value: string][];

/** Whether a call with these fields is taken, with the field fixed by the shape and, where it is there once, as a hole. */
function takes(matcher: HeaderMatcher, fields: Fields): boolean {
  const of = tableOf([route('yes', { headers: [matcher] })]);
  const answers = [clusterOf(of, call({ fields }))];
  if (fields.length === 1) answers.push(clusterOf(of, call({ fields, holes: [fields[0]![0]] })));
  if (answers.some((answer) => answer !== answers[0])) throw new Error(`${answers} for ${JSON.stringify(matcher)}`);
  return answers[0] === 'yes';
}

const x = (...values: string[]): Fields => values.map((value) => ['x', value]);

test('each kind of string match looks at the whole value', (t) => {
  const text = (kind: 'exact' | 'prefix' | 'suffix' | 'contains', value: string, ignoreCase = false) =>
    header('x', { kind, value, ignoreCase });
  t.true(takes(text('exact', 'ab'), x('ab')));
  t.false(takes(text('exact', 'ab'), x('abc')));
  t.false(takes(text('exact', 'ab'), x('AB')));
  t.true(takes(text('exact', 'aB', true), x('Ab')));
  t.true(takes(text('prefix', 'ab'), x('abc')));
  t.false(takes(text('prefix', 'bc'), x('abc')));
  t.true(takes(text('suffix', 'bc'), x('abc')));
  t.false(takes(text('suffix', 'ab'), x('abc')));
  t.true(takes(text('contains', 'b'), x('abc')));
  t.false(takes(text('contains', 'B'), x('abc')));
  t.true(takes(text('contains', 'B', true), x('abc')));
  t.true(takes(header('x', regex('a.c')), x('abc')));
  t.false(takes(header('x', regex('b')), x('abc')));
});

test('repeated fields are matched one by one, not joined (3.1)', (t) => {
  for (const value of ['a', 'b']) t.true(takes(header('x', exact(value)), x('a', 'b')));
  t.false(takes(header('x', exact('a,b')), x('a', 'b')));
  t.false(takes(header('x', { kind: 'contains', value: ',', ignoreCase: false }), x('a', 'b')));
  t.false(takes(header('x', regex('a.b')), x('a', 'b')));
  t.true(takes(header('x', { kind: 'range', start: 5, end: 6 }), x('1', '5')));
  t.true(takes(header('x', exact('a,b')), x('a,b')));
});

test('inverted, none of the repeated fields may match (3.1)', (t) => {
  t.false(takes(header('x', exact('a'), { invert: true }), x('a', 'b')));
  t.true(takes(header('x', exact('c'), { invert: true }), x('a', 'b')));
});

test('user-agent and cookie are one value each, however they came (3.1, 11.1)', (t) => {
  const agents: Fields = [
    ['user-agent', 'a'],
    ['user-agent', 'b'],
  ];
  t.true(takes(header('user-agent', exact('a,b')), agents));
  t.false(takes(header('user-agent', exact('a')), agents));
  const crumbs: Fields = [
    ['cookie', 'a=1'],
    ['cookie', 'b=2'],
  ];
  t.true(takes(header('cookie', exact('a=1; b=2')), crumbs));
});

test('an absent header does not match, inverted or not, unless it is to be taken for an empty one (3.2)', (t) => {
  t.false(takes(header('x', exact('a'), { invert: true }), []));
  t.true(takes(header('x', exact('a'), { invert: true, treatMissingAsEmpty: true }), []));
  t.false(takes(header('x', exact(''), {}), []));
  t.true(takes(header('x', exact(''), { treatMissingAsEmpty: true }), []));
  t.false(takes(header('x', exact('a'), { treatMissingAsEmpty: true }), []));
});

test('presence and absence can be asked for; an empty value is present (3.3)', (t) => {
  const present = (value: boolean, invert = false) => header('x', { kind: 'present', value }, { invert });
  t.true(takes(present(true), x('')));
  t.false(takes(present(true), []));
  t.true(takes(present(false), []));
  t.false(takes(present(false), x('')));
  t.true(takes(present(true, true), []));
  t.false(takes(present(true, true), x('a')));
});

test('a range holds from its start to below its end, on 64-bit integers (3.4)', (t) => {
  const range = (start: number, end: number) => header('x', { kind: 'range', start, end });
  for (const value of ['5', '05', '+5', '9']) t.true(takes(range(5, 10), x(value)), value);
  for (const value of ['4', '10', '', 'a', '5a', '5.0', '0x5', '5 5']) t.false(takes(range(5, 10), x(value)), value);
  t.true(takes(range(-10, 0), x('-10')));
  const huge = '99999999999999999999';
  t.false(takes(range(0, 2 ** 70), x(huge)));
  t.true(takes(range(0, 2 ** 70), x('9223372036854775807')));
  t.false(takes(range(0, 2 ** 70), x('9223372036854775808')));
});

test('content-type is application/grpc for every gRPC call (3.5 D, gRFC A28)', (t) => {
  const of = tableOf([route('yes', { headers: [header('content-type', exact('application/grpc'))] })]);
  const cluster = (contentType: string | null, holes: string[] = []): string =>
    clusterOf(of, call({ contentType, holes }));
  t.is(cluster('application/grpc'), 'yes');
  t.is(cluster('application/grpc+proto'), 'yes');
  t.is(cluster('application/grpc+proto', ['content-type']), 'yes');
  t.is(cluster('application/json'), 'reject');
  t.is(cluster(null), 'reject');
});

test('binary metadata can not be matched on (3.5 D, gRFC A28)', (t) => {
  const fields: Fields = [['x-bin', 'YQ']];
  t.false(takes(header('x-bin', exact('YQ')), fields));
  t.false(takes(header('x-bin', exact('other'), { invert: true }), fields));
  t.false(takes(header('x-bin', { kind: 'present', value: true }), fields));
});

test('host means the authority, and pseudo-fields can be named (3.5)', (t) => {
  const cluster = (name: string, value: string, holes: string[] = []): string =>
    clusterOf(
      tableOf([route('yes', { headers: [header(name, exact(value))] })]),
      call({ authority: 'Orders:1', holes }),
    );
  t.is(cluster('host', 'Orders:1'), 'yes');
  t.is(cluster(':authority', 'Orders:1', [':authority']), 'yes');
  t.is(cluster(':authority', 'orders:1'), 'reject');
  t.is(cluster(':method', 'POST'), 'yes');
  t.is(cluster(':path', '/shop.Orders/Place', [':path']), 'yes');
});

test('a rule that is not ASCII is compared with the UTF-8 bytes of the field', (t) => {
  const value = Buffer.from('Zürich', 'utf8').toString('latin1');
  t.true(takes(header('x', exact('Zürich')), x(value)));
  t.true(takes(header('x', exact('züRICH', true)), x(value)));
  t.true(takes(header('x', regex('Z.rich')), x(value)));
  t.false(takes(header('x', exact('Zürich')), x('Zürich')));
});

test('a value of more than 4,096 bytes matches no regex, inverted or not', (t) => {
  const long = 'a'.repeat(4_097);
  t.false(takes(header('x', regex('a*')), x(long)));
  t.false(takes(header('x', regex('b*'), { invert: true }), x(long)));
  t.true(takes(header('x', regex('b*'), { invert: true }), x('a'.repeat(4_096))));
});

test('all matchers of a route must hold', (t) => {
  const of = tableOf([route('yes', { headers: [header('a', exact('1')), header('b', exact('2'))] })]);
  const fields = (a: string, b: string): Fields => [
    ['a', a],
    ['b', b],
  ];
  t.is(clusterOf(of, call({ fields: fields('1', '2') })), 'yes');
  t.is(clusterOf(of, call({ fields: fields('1', '3') })), 'reject');
  t.is(clusterOf(of, call({ fields: fields('1', '2'), holes: ['b'] })), 'yes');
  t.is(clusterOf(of, call({ fields: fields('1', '3'), holes: ['b'] })), 'reject');
  t.is(clusterOf(of, call({ fields: fields('3', '2'), holes: ['b'] })), 'reject');
});
