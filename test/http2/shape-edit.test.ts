// Edits: fields removed and replaced, derived shapes kept, blocks valid as long as their source.

import test from 'ava';
import { HeaderShapes } from '../../agent/http2/header-shapes.ts';
import { byName, literal } from './hpack-reference.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

function setUp() {
  const shapes = new HeaderShapes({ seed: 1 });
  const decoder = shapes.createDecoder();
  const run = (...fields: (readonly [string, string])[]) => {
    const wire = Buffer.concat(fields.map(([name, value]) => literal('plain', name, value)));
    const block = decoder.decode(wire, 0, wire.length);
    if (block === null) throw new Error(decoder.error ?? '');
    return block;
  };
  return { shapes, run };
}

test('an edit removes every field of a name and replaces every field of another, the rest stays', (t) => {
  const { shapes, run } = setUp();
  const edit = shapes.edit({ remove: ['x-a'], set: [{ name: 'x-b', value: 'new' }, { name: 'traceparent' }] });
  const block = run(
    ['x-a', '1'],
    ['x-b', '2'],
    ['x-c', '3'],
    ['x-a', '4'],
    ['x-b', '5'],
    ['cookie', 'c'],
    ['date', 'd'],
  );
  t.deepEqual(byName(block.edit(edit, [bytes('trace')]).entries()), [
    ['cookie', 'c'],
    ['date', 'd'],
    ['traceparent', 'trace'],
    ['x-b', 'new'],
    ['x-c', '3'],
  ]);
  t.deepEqual(block.values('x-a'), ['1', '4'], 'the source is as it was');
});

test('several fields of one name may be set, in their order, and a pseudo-field too', (t) => {
  const { shapes, run } = setUp();
  const edit = shapes.edit({
    set: [
      { name: 'x-b', value: 'one' },
      { name: 'x-b' },
      { name: 'x-b', value: 'three' },
      { name: ':path', value: '/new' },
    ],
  });
  const block = run([':path', '/old'], ['x-b', '2']).edit(edit, [bytes('two')]);
  t.deepEqual(block.entries(), [
    [':path', '/new'],
    ['x-b', 'one'],
    ['x-b', 'two'],
    ['x-b', 'three'],
  ]);
});

test('the derived shape is kept on the source shape, for each edit', (t) => {
  const { shapes, run } = setUp();
  const one = shapes.edit({ set: [{ name: 'traceparent' }] });
  const two = shapes.edit({ set: [{ name: 'traceparent' }] });
  for (let i = 0; i < 4; i++) run(['x-a', '1']);
  const first = run(['x-a', '1']).edit(one, [bytes('a')]).shape;
  t.is(run(['x-a', '1']).edit(one, [bytes('b')]).shape, first);
  t.not(run(['x-a', '1']).edit(two, [bytes('b')]).shape, first);
});

test('several edits of one block stand beside each other until the next block', (t) => {
  const { shapes, run } = setUp();
  const edit = shapes.edit({ set: [{ name: 'x-attempt' }] });
  for (let round = 0; round < 3; round++) {
    const block = run(['traceparent', `t${round}`]);
    const attempts = Array.from({ length: 7 }, (_, i) => block.edit(edit, [bytes(`${round}.${i}`)]));
    t.deepEqual(
      attempts.map((attempt) => [attempt.value('x-attempt'), attempt.value('traceparent')]),
      attempts.map((_, i) => [`${round}.${i}`, `t${round}`]),
    );
  }
});

test('an edited block can be edited and retained', (t) => {
  const { shapes, run } = setUp();
  const first = shapes.edit({ set: [{ name: 'traceparent' }] });
  const second = shapes.edit({ remove: ['x-a'], set: [{ name: 'grpc-timeout' }] });
  const kept = run(['x-a', '1'], ['authorization', 's'])
    .edit(first, [bytes('t')])
    .edit(second, [bytes('9S')])
    .retain();
  run(['x-a', '2'], ['authorization', 'other'])
    .edit(first, [bytes('u')])
    .edit(second, [bytes('8S')]);
  t.deepEqual(byName(kept.entries()), [
    ['authorization', 's'],
    ['grpc-timeout', '9S'],
    ['traceparent', 't'],
  ]);
  t.is(kept.edit(first, [bytes('again')]).value('traceparent'), 'again');
});

test('a secret that an edit sets leaves as never-indexed, without a value from the block', (t) => {
  const { shapes, run } = setUp();
  const edit = shapes.edit({ set: [{ name: 'authorization', value: 'Bearer x' }, { name: 'traceparent' }] });
  const block = run(['x-a', '1']).edit(edit, [bytes('t')]);
  t.is(block.value('authorization'), 'Bearer x');
  t.is(block.value('traceparent'), 't');
  t.like(block.shape.fields[block.shape.indexOf('authorization')], { value: null, sensitive: true });
});

test('a value given to an edit is checked, and what came malformed stays malformed', (t) => {
  const { shapes, run } = setUp();
  const edit = shapes.edit({ remove: ['x-bad'], set: [{ name: 'x-a' }, { name: 'traceparent' }] });
  t.regex(
    run()
      .edit(edit, [bytes('a\nb'), bytes('t')])
      .problem('trailers') ?? '',
    /'x-a'/,
  );
  t.regex(
    run()
      .edit(edit, [bytes('a'), bytes('t ')])
      .problem('trailers') ?? '',
    /'traceparent'/,
  );
  t.is(
    run()
      .edit(edit, [bytes('a'), bytes('t')])
      .problem('trailers'),
    null,
  );
  t.regex(
    run(['x-bad', 'a\rb'])
      .edit(edit, [bytes('a'), bytes('t')])
      .problem('trailers') ?? '',
    /'x-bad'/,
  );
});

test("an edit with the wrong number of values, or one that may never be sent, is the caller's error", (t) => {
  const { shapes, run } = setUp();
  const edit = shapes.edit({ set: [{ name: 'x-a' }] });
  t.throws(() => run().edit(edit), { instanceOf: RangeError, message: /has 1 holes, but 0 values/ });
  t.throws(() => shapes.edit({ set: [{ name: 'x-a', value: 'a\r\nb' }] }), { instanceOf: TypeError });
  t.throws(() => shapes.edit({ set: [{ name: 'X-A' }] }), { instanceOf: TypeError });
  t.throws(() => run().edit({ remove: [], set: [] }), { instanceOf: TypeError });
});

test('a field may be appended, or put in only where there is none, or only where there is one', (t) => {
  const { shapes, run } = setUp();
  const edit = shapes.edit({
    remove: ['x-gone'],
    set: [
      { name: 'x-a', value: 'more', mode: 'append' },
      { name: 'x-b', mode: 'if-absent' },
      { name: 'x-c', mode: 'if-present' },
      { name: 'x-gone', value: 'back', mode: 'if-absent' },
    ],
  });
  const values = [bytes('b'), bytes('c')];
  t.deepEqual(byName(run(['x-a', '1'], ['x-c', '2'], ['x-c', '3'], ['x-gone', '4']).edit(edit, values).entries()), [
    ['x-a', '1'],
    ['x-a', 'more'],
    ['x-b', 'b'],
    ['x-c', 'c'],
    ['x-gone', 'back'],
  ]);
  t.deepEqual(byName(run(['x-b', '1']).edit(edit, values).entries()), [
    ['x-a', 'more'],
    ['x-b', '1'],
    ['x-gone', 'back'],
  ]);
});
