// Small values of any kind, and what makes larger ones of them, for properties.
import fc from 'fast-check';

export const name = fc.string({ minLength: 1, maxLength: 12 });
export const text = fc.string({ maxLength: 12 });
export const weight = fc.integer({ min: 1, max: 1_000_000 });
export const ms = fc.integer({ min: 1, max: 1e12 });
export const port = fc.integer({ min: 0, max: 65_535 });
export const ip = fc.oneof(fc.ipV4(), fc.constantFrom('::', '::1', '2001:db8::7'));
export const regex = fc.constantFrom('a+', '/demo\\.Shop/.*', '[a-z]{2,5}', '(?i)x|y');
export const pem = fc.option(name, { nil: null });

/** Like `fc.record`, typed by what it makes, so that a field added to the model is missed here by the compiler. */
export function record<Made>(model: { readonly [Key in keyof Made]-?: fc.Arbitrary<Made[Key]> }): fc.Arbitrary<Made> {
  return fc.record(model) as unknown as fc.Arbitrary<Made>;
}

export function some<Made>(one: fc.Arbitrary<Made>, minLength = 0): fc.Arbitrary<Made[]> {
  return fc.array(one, { minLength, maxLength: 3 });
}

export function orNull<Made>(one: fc.Arbitrary<Made>): fc.Arbitrary<Made | null> {
  return fc.option(one, { nil: null });
}
