// SPDX-License-Identifier: Apache-2.0
// arbitrary: values out of schemas: those that fit, those that nearly do, and texts that are no JSON.
import fc from 'fast-check';

const isText = (schema) => schema.type === 'string' && (!schema.pattern || schema.pattern.startsWith('^[^'));

function text (spec, schema) {
  const { minLength = 0, maxLength = 300 } = schema;
  const fits = (value) => !spec.misfit(schema, value);
  return fc.oneof(
    { weight: 4, arbitrary: fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, 40) }) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme-ascii', minLength, maxLength: Math.min(maxLength, 40) }) },
    { weight: 1, arbitrary: fc.constantFrom('x', 'é', '漢', '😀').map((one) => one.repeat(maxLength)) },
    { weight: 1, arbitrary: fc.constantFrom("';--", '${x}', '%s%n', '../../etc/passwd', '<b>"&\'</b>', '\u202e', 'a\u0301', 'null', '{}') },
  ).filter(fits);
}

/** Values that fit SCHEMA. */
export function fitting (spec, given) {
  const schema = spec.resolve(given);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.oneOf) return fc.oneof(...schema.oneOf.map((one) => fitting(spec, one)));
  if (isText(schema)) return text(spec, schema);
  switch (schema.type) {
    case 'string': return (schema.format === 'uuid' ? fc.uuid() : fc.stringMatching(new RegExp(schema.pattern, 'u'))).filter((value) => !spec.misfit(schema, value));
    case 'integer': return fc.integer({ min: schema.minimum ?? -1000, max: Math.min(schema.maximum ?? 1000, Number.MAX_SAFE_INTEGER) });
    case 'boolean': return fc.boolean();
    case 'null': return fc.constant(null);
    case 'array': return (schema.uniqueItems ? fc.uniqueArray : fc.array)(fitting(spec, schema.items), { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 5, 5) });
    case 'object': return fc.record(Object.fromEntries(Object.entries(schema.properties).map(([name, one]) => [name, fitting(spec, one)])), { requiredKeys: schema.required ?? [], noNullPrototype: true });
    default: throw new Error(`no values for ${JSON.stringify(schema)}`);
  }
}

const odd = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, 1.5, 1e300, 9007199254740993, '', ' ', '\n', 'x\u0000y', '\u0007', '\u0085', [], {}, [[]], [null], { a: 1 }),
  fc.constant('x'.repeat(100001)),
  fc.jsonValue({ maxDepth: 2 }),
);

/** Objects that fit but for one thing. */
export function nearly (spec, given) {
  const schema = spec.resolve(given);
  const names = Object.keys(schema.properties);
  return fc.tuple(fitting(spec, given), fc.nat(2), fc.constantFrom(...names), odd, fc.constantFrom('unknown', '__proto__x', 'NAME', 'na/me', 'n~ame', 'é')).map(([value, kind, name, other, extra]) => {
    const changed = { ...value };
    if (kind === 0) delete changed[name];
    else if (kind === 1) changed[name] = other;
    else changed[extra] = other;
    return changed;
  }).filter((value) => spec.misfit(given, value));
}

/** Values of any kind that do not fit. */
export const anything = (spec, given) => fc.jsonValue({ maxDepth: 3 }).filter((value) => spec.misfit(given, value));

/** Bodies that are no strict JSON document: each 400. */
export const broken = fc.oneof(
  fc.constantFrom('', ' ', '{', '}', '{"a":}', '{"a":1,}', "{'a':1}", '{"a":1}{"a":1}', '{"a":01}', '{"a":NaN}', '{"a":"\\ud800"}', '{"a":"\\u0000"}',
    '{"a":"\u0001"}', '{"a":1,"a":2}', '\ufeff{}', 'nul', '{"a":"\\x"}', '{"a":1e99999}', '/**/{}', '{"a":tru}', '"', '[', '{"a":"', '{"a":1\u000b}'),
  fc.integer({ min: 65, max: 3000 }).map((depth) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)),
  fc.constantFrom([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d], [0x22, 0xc0, 0xaf, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]).map((bytes) => Buffer.from(bytes)),
);
