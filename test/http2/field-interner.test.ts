// The bounds of what connections share: names, values and shapes by count and bytes, and credits by connection.

import test from 'ava';
import { FieldAdmission } from '../../agent/http2/field-admission.ts';
import { FieldHash } from '../../agent/http2/field-bytes.ts';
import { FieldInterner } from '../../agent/http2/field-interner.ts';
import { encodeHuffman } from '../../agent/http2/huffman.ts';
import { hashOf } from '../../agent/http2/shape.ts';
import { ShapeTable } from '../../agent/http2/shape-table.ts';

function setUp(limits: { readonly maxInternedFields?: number; readonly maxInternedBytes?: number } = {}) {
  const interner = new FieldInterner(new FieldHash(1), { maxInternedFields: 1000, maxInternedBytes: 1e6, ...limits });
  const name = (text: string) => interner.createName(Buffer.from(text), 0, text.length);
  const admit = (text: string, value: string) => {
    const bytes = Buffer.from(value, 'latin1');
    return interner.admitValue(interner.admitName(name(text)), false, bytes, 0, bytes.length);
  };
  return { interner, name, admit };
}

test('an admitted value is one object, coded or plain, until everything is forgotten', (t) => {
  const { interner, admit } = setUp();
  const field = admit('x-a', 'value');
  t.is(admit('x-a', 'value'), field);
  const coded = encodeHuffman(Buffer.from('value'));
  t.is(interner.admitValue(field!.name, true, coded, 0, coded.length), field);
  interner.forget();
  t.not(admit('x-a', 'value'), field);
  t.is(interner.findName(false, Buffer.from('te'), 0, 2)?.text, 'te', 'well-known names stay');
});

test('names and values are bounded by count', (t) => {
  const { interner, admit } = setUp({ maxInternedFields: 50 });
  for (let i = 0; i < 500; i++) {
    admit(`x-${i}`, `${i}`);
    t.true(interner.count <= 50);
  }
  t.true(interner.generation >= 500 / 50);
});

test('names and values are bounded by bytes', (t) => {
  const { interner, admit } = setUp({ maxInternedBytes: 10000 });
  for (let i = 0; i < 500; i++) {
    admit('x-a', `${i}`.padStart(400, '0'));
    t.true(interner.bytes <= 10000);
  }
  t.true(interner.generation > 10);
});

test('what is too long, malformed or of a name that is not shared is never admitted', (t) => {
  const { interner, name, admit } = setUp();
  t.is(admit('x-a', 'x'.repeat(513)), null);
  t.is(admit('x-a', 'a\nb'), null);
  t.is(admit('x-a', ' a'), null);
  t.is(admit('X-Upper', 'a'), null);
  t.is(admit('x'.repeat(129), 'a'), null);
  t.is(interner.admitValue(name('x-b'), false, Buffer.from('a'), 0, 1), null);
});

test('shapes are shared on second sight, and bounded by count', (t) => {
  const { interner, admit } = setUp();
  const shapes = new ShapeTable(interner, 10);
  const admission = new FieldAdmission();
  const shapeOf = (value: string) => {
    const list = [admit('x-a', value)!];
    return shapes.shapeOf(hashOf(list, false), list, 1, false, admission);
  };
  t.not(shapeOf('a'), shapeOf('a'));
  t.is(shapeOf('a'), shapeOf('a'));
  for (let i = 0; i < 100; i++) {
    for (let twice = 0; twice < 2; twice++) shapeOf(`${i}`);
    t.true(shapes.count <= 10);
  }
  t.true(shapes.generation >= 9);
});

test('shapes of fields that were forgotten are forgotten with the next new one', (t) => {
  const { interner, admit } = setUp();
  const shapes = new ShapeTable(interner, 100);
  const admission = new FieldAdmission();
  const add = (value: string) => {
    const list = [admit('x-a', value)!];
    for (let twice = 0; twice < 2; twice++) shapes.shapeOf(hashOf(list, false), list, 1, false, admission);
  };
  for (let i = 0; i < 5; i++) add(`${i}`);
  t.is(shapes.count, 5);
  interner.forget();
  add('later');
  t.is(shapes.count, 1);
});

test('a connection has so many credits, and earns one back every 64 blocks', (t) => {
  const admission = new FieldAdmission();
  let taken = 0;
  while (admission.take()) taken++;
  t.is(taken, 256);
  for (let i = 0; i < 63; i++) admission.countBlock();
  t.false(admission.take());
  admission.countBlock();
  t.true(admission.take());
  t.false(admission.take());
});

test('sights are forgotten when others crowd them out, and one sight counts once', (t) => {
  const admission = new FieldAdmission();
  t.false(admission.isSecondSight(5));
  t.true(admission.isSecondSight(5));
  t.false(admission.isSecondSight(5), 'the second sight used it up');
  for (let i = 1; i < 10; i++) admission.isSecondSight(5 + 32 * i);
  t.false(admission.isSecondSight(5));
});
