// The XML decoder against documents of every operation, whole and damaged: it answers with input or a caller's Fault, never otherwise.
import { XmlCodec } from '@aws-sdk/core/protocols';
import { Fault } from '../../src/base/fault';
import { bodyBytesMax, decode, operations, xmlNamespace, type OperationShape } from '../../src/protocol/aws/rest-xml';
import { readXml } from '../../src/protocol/aws/xml';
import { full, randomChoices, seeded, valuesOfMembers, type Choices } from '../fixtures/shape-values';

const fuzzS = Number(process.env['EDGEFRONT_FUZZ_S'] ?? 3);
const seed = Number(process.env['EDGEFRONT_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const name = (what: string): string => `${what} (EDGEFRONT_FUZZ_SEED=${seed} EDGEFRONT_FUZZ_S=${fuzzS})`;

const withBody = [...operations().values()].filter((operation) => operation.input.body !== null);
const codec = new XmlCodec({ xmlNamespace, httpBindings: true, timestampFormat: { useTrait: true, default: 5 }, serviceNamespace: 'com.amazonaws.cloudfront' } as never);

/** The document that the SDK would send, with what it was made from. */
function documentOf(operation: OperationShape, choices: Choices): { bytes: Buffer; value: Record<string, unknown> } {
  const members = operation.input.members.filter((member) => member.binding.at === 'body' || member.binding.at === 'payload');
  const value = valuesOfMembers(members, choices);
  const { payload } = operation.input.body as NonNullable<typeof operation.input.body>;
  const serializer = codec.createSerializer();
  serializer.write((payload?.schema ?? operation.input.schema), payload === null ? value : value[payload.name] ?? {});
  return { bytes: Buffer.from(String(serializer.flush())), value };
}

function read(operation: OperationShape, body: Buffer): Record<string, unknown> | string {
  try {
    return decode(operation, { pathParams: {}, query: new URLSearchParams(), headers: {}, body, format: 'xml' });
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.source === 'caller' && !thrown.message.includes('undefined')) return thrown.kind;
    throw thrown;
  }
}

const pieces = [
  '<', '>', '</', '/>', '<!--', '-->', '--', '<![CDATA[', ']]>', '<?xml version="1.0"?>', '<?x ?>', '<!DOCTYPE a [', '<!ENTITY x "y">', ']>', '&', '&amp;', '&x;',
  '&#0;', '&#x10FFFF;', '&#xD800;', '"', '\'', '=', ' ', '\r\n', '\u0000', '\u00e9', '\ud83d\ude00', 'xmlns="a"', '<Items/>', '<Items>', '</Items>', '<Quantity>9</Quantity>',
  '<__proto__>', '<constructor/>', 'a', '-1', '1e9', 'true',
];

function damage(bytes: Buffer, random: () => number): Buffer {
  let damaged = bytes;
  for (let i = 1 + Math.floor(random() * 4); i > 0; i -= 1) {
    const at = Math.floor(random() * (damaged.length + 1));
    const end = Math.min(damaged.length, at + Math.floor(random() * random() * 60));
    const [before, cut, after] = [damaged.subarray(0, at), damaged.subarray(at, end), damaged.subarray(end)];
    const piece = Buffer.from(pieces[Math.floor(random() * pieces.length)] as string);
    const choice = random();
    if (choice < 0.35) damaged = Buffer.concat([before, piece, cut, after]);
    else if (choice < 0.55) damaged = Buffer.concat([before, after]);
    else if (choice < 0.75) damaged = Buffer.concat([before, cut, cut, after]);
    else if (choice < 0.9) damaged = Buffer.concat([before, piece, after]);
    else damaged = Buffer.concat([before, Buffer.from([Math.floor(random() * 256)]), after]);
  }
  return damaged;
}

function forAWhile(durationS: number, work: () => void): number {
  const endMs = performance.now() + durationS * 1000;
  let rounds = 0;
  do { work(); rounds += 1; } while (performance.now() < endMs);
  return rounds;
}

/** What an input is without the difference between kinds of byte arrays. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_key, inner: unknown) => (inner instanceof Uint8Array ? [...inner] : inner)));

test(name('what the SDK writes is read as it was meant'), () => {
  const random = seeded(seed);
  const rounds = forAWhile(fuzzS / 3, () => {
    const operation = withBody[Math.floor(random() * withBody.length)] as OperationShape;
    const { bytes, value } = documentOf(operation, randomChoices(random));
    const { payload } = operation.input.body as NonNullable<typeof operation.input.body>;
    expect(plain(read(operation, bytes))).toEqual(plain(payload !== null && value[payload.name] === undefined ? { [payload.name]: {} } : value));
  });
  expect(rounds).toBeGreaterThan(0);
});

test(name('what is damaged is read or refused, and refused by name'), () => {
  const random = seeded(seed);
  const outcomes = new Map<string, number>();
  forAWhile(fuzzS / 3, () => {
    const operation = withBody[Math.floor(random() * withBody.length)] as OperationShape;
    const outcome = read(operation, damage(documentOf(operation, randomChoices(random)).bytes, random));
    const kind = typeof outcome === 'string' ? outcome : 'read';
    outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
  });
  expect([...outcomes.keys()].filter((kind) => !['read', 'MalformedXML', 'InvalidArgument', 'MissingBody'].includes(kind))).toEqual([]);
});

test(name('noise of pieces is read or refused'), () => {
  const random = seeded(seed);
  forAWhile(fuzzS / 3, () => {
    const noise = Array.from({ length: 1 + Math.floor(random() * 40) }, () => pieces[Math.floor(random() * pieces.length)]).join('');
    const outcome = read(withBody[Math.floor(random() * withBody.length)] as OperationShape, Buffer.from(noise));
    expect(['MalformedXML', 'InvalidArgument', 'MissingBody']).toContain(outcome);
  });
});

test('what the SDK writes for every operation, with everything set, is read', () => {
  for (const operation of withBody) {
    const { bytes, value } = documentOf(operation, full);
    expect(plain(read(operation, bytes))).toEqual(plain(value));
  }
});

// Quadratic work on a megabyte would take hours: that this test ends is what it shows.
test.each(['<', '&', '&#1;', '&amp', '<a', '<a ', '<a b=', '<a b="', '</', '<!--', '<!--->', '<![CDATA[', ']]>', '<?xml ', '<a><!---->', ' ', '<a> ', 'a="b" ', '&lt;', '\r', '<a b="c"/>', '<a>x', '\u00e9'])(
  'a megabyte of %j is refused', (piece) => {
    for (const prefix of ['', '<a>', '<a ', '<?xml version="1.0"', '<!--', '<a b="', '<a>&']) {
      const body = Buffer.from(prefix + piece.repeat(bodyBytesMax)).subarray(0, bodyBytesMax);
      expect(() => readXml(body)).toThrow(Fault);
    }
  },
);
