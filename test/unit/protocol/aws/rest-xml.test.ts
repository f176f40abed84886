// What the strict reader takes and refuses, and what the writer leaves out.
import { Fault } from '../../../../src/base/fault';
import { bodyBytesMax, decode, encode, encodeError, operationNamed, xmlNamespace } from '../../../../src/protocol/aws/rest-xml';
import { depthMax, elementsMax, readXml } from '../../../../src/protocol/aws/xml';

function read(operation: string, body: string | Buffer, format: 'xml' | 'json' = 'xml', more: { query?: string; headers?: Record<string, string> } = {}): unknown {
  try {
    return decode(operationNamed(operation), {
      pathParams: { Id: 'E1', DistributionId: 'E1' }, query: new URLSearchParams(more.query ?? ''), headers: more.headers ?? {}, body: Buffer.from(body), format,
    });
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.source === 'caller') return thrown.kind;
    throw thrown;
  }
}

const invalidation = (inside: string): string => `<InvalidationBatch xmlns="${xmlNamespace}">${inside}</InvalidationBatch>`;
const deep = (depth: number): string => '<a>'.repeat(depth) + '</a>'.repeat(depth);

const malformed: [string, string | Buffer][] = [
  ['nothing but space', ' '],
  ['no XML', 'hello'],
  ['JSON', '{}'],
  ['cut', '<InvalidationBatch><Paths>'],
  ['cut in a tag', '<InvalidationBatch'],
  ['tags crossed', '<InvalidationBatch><Paths></InvalidationBatch></Paths>'],
  ['end tag only', '</InvalidationBatch>'],
  ['two roots', '<InvalidationBatch/><InvalidationBatch/>'],
  ['text after the root', '<InvalidationBatch/>x'],
  ['CDATA outside', '<InvalidationBatch/><![CDATA[x]]>'],
  ['wrong root', '<DistributionConfig/>'],
  ['wrong namespace', '<InvalidationBatch xmlns="http://example.com/"/>'],
  ['wrong namespace inside', invalidation('<Paths xmlns="http://example.com/"/>')],
  ['unknown element', invalidation('<CallerReference>a</CallerReference><Nonsense/>')],
  ['unknown element of Object.prototype', invalidation('<toString/>')],
  ['element twice', invalidation('<CallerReference>a</CallerReference><CallerReference>a</CallerReference>')],
  ['wrong item name', invalidation('<Paths><Quantity>1</Quantity><Items><Member>/a</Member></Items></Paths>')],
  ['text among elements', invalidation('x<CallerReference>a</CallerReference>')],
  ['text among items', invalidation('<Paths><Items>x<Path>/a</Path></Items></Paths>')],
  ['elements in a text', invalidation('<CallerReference><b/></CallerReference>')],
  ['unknown attribute', '<InvalidationBatch a="b"/>'],
  ['attribute twice', '<InvalidationBatch xmlns="" xmlns=""/>'],
  ['attribute without quotes', '<InvalidationBatch xmlns=a/>'],
  ['prefix', '<x:InvalidationBatch xmlns:x="a"/>'],
  ['DOCTYPE', '<!DOCTYPE InvalidationBatch><InvalidationBatch/>'],
  ['external entity', '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><InvalidationBatch>&x;</InvalidationBatch>'],
  ['billion laughs', `<!DOCTYPE a [<!ENTITY a0 "ha">${Array.from({ length: 30 }, (_, i) => `<!ENTITY a${i + 1} "&a${i};&a${i};">`).join('')}]>`
    + '<InvalidationBatch><CallerReference>&a30;</CallerReference></InvalidationBatch>'],
  ['entity without declaration', invalidation('<CallerReference>&nbsp;</CallerReference>')],
  ['entity of Object.prototype', invalidation('<CallerReference>&valueOf;</CallerReference>')],
  ['lone ampersand', invalidation('<CallerReference>a & b</CallerReference>')],
  ['reference to NUL', invalidation('<CallerReference>&#0;</CallerReference>')],
  ['reference to a surrogate', invalidation('<CallerReference>&#xD800;</CallerReference>')],
  ['reference beyond Unicode', invalidation('<CallerReference>&#x110000;</CallerReference>')],
  ['control character', invalidation('<CallerReference>\u0001</CallerReference>')],
  ['CDATA end in text', invalidation('<CallerReference>]]></CallerReference>')],
  ['CDATA not closed', invalidation('<CallerReference><![CDATA[a</CallerReference>')],
  ['comment not closed', '<!-- a <InvalidationBatch/>'],
  ['comment with two hyphens', '<!-- a -- b --><InvalidationBatch/>'],
  ['processing instruction', '<?php x ?><InvalidationBatch/>'],
  ['declaration in the middle', '<InvalidationBatch><?xml version="1.0"?></InvalidationBatch>'],
  ['another encoding', '<?xml version="1.0" encoding="ISO-8859-1"?><InvalidationBatch/>'],
  ['UTF-16', Buffer.from('\ufeff<InvalidationBatch/>', 'utf16le')],
  ['no UTF-8', Buffer.from([0x3C, 0x61, 0x3E, 0xFF, 0x3C, 0x2F, 0x61, 0x3E])],
  ['too deep', deep(depthMax + 1)],
  ['100,000 deep', deep(100_000)],
  ['too many elements', `<InvalidationBatch>${'<a/>'.repeat(elementsMax)}</InvalidationBatch>`],
];

test.each(malformed)('MalformedXML: %s', (_name, body) => {
  expect(read('CreateInvalidation', body)).toBe('MalformedXML');
});

const wrong: [string, string, string][] = [
  ['abc for an integer', 'InvalidArgument', invalidation('<Paths><Quantity>abc</Quantity></Paths>')],
  ['1.5 for an integer', 'InvalidArgument', invalidation('<Paths><Quantity>1.5</Quantity></Paths>')],
  ['hexadecimal for an integer', 'InvalidArgument', invalidation('<Paths><Quantity>0x1</Quantity></Paths>')],
  ['an integer too large', 'InvalidArgument', invalidation('<Paths><Quantity>2147483648</Quantity></Paths>')],
  ['nothing for a required integer', 'InvalidArgument', invalidation('<Paths><Quantity/></Paths>')],
  ['no body', 'MissingBody', ''],
  ['a body too large', 'RequestEntityTooLarge', ' '.repeat(bodyBytesMax + 1)],
];

test.each(wrong)('%s: %s', (_name, code, body) => {
  expect(read('CreateInvalidation', body)).toBe(code);
});

const batch = { DistributionId: 'E1', InvalidationBatch: { Paths: { Quantity: 1, Items: ['/a'] }, CallerReference: 'r' } };
const inside = '<Paths><Quantity>1</Quantity><Items><Path>/a</Path></Items></Paths><CallerReference>r</CallerReference>';

const accepted: [string, string][] = [
  ['plain', invalidation(inside)],
  ['without namespace', `<InvalidationBatch>${inside}</InvalidationBatch>`],
  ['declaration, comments, space', `\ufeff<?xml version='1.0' encoding="utf-8" standalone='yes'?>\r\n<!-- c -->\n${invalidation(` <!--x-->\n${inside}\t`)}\n<!-- d -->`],
  ['members in another order', invalidation('<CallerReference>r</CallerReference><Paths><Items><Path>/a</Path></Items><Quantity> 1\n</Quantity></Paths>')],
  ['CDATA and entities', invalidation(inside.replace('/a', '<![CDATA[/]]>&#x61;'))],
  ['declarations of foreign namespaces', invalidation(inside).replace('<InvalidationBatch', '<InvalidationBatch xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation=\'a\'')],
];

test.each(accepted)('accepted: %s', (_name, body) => {
  expect(read('CreateInvalidation', body)).toEqual(batch);
});

test('JSON is the same document', () => {
  expect(read('CreateInvalidation', JSON.stringify(batch.InvalidationBatch), 'json')).toEqual(batch);
});

test.each([
  ['cut', '{"Paths":', 'MalformedInput'], ['a list', '[]', 'MalformedInput'], ['null', 'null', 'MalformedInput'],
  ['wrong type', '{"CallerReference":1}', 'InvalidArgument'], ['a list for a structure', '{"Paths":[]}', 'InvalidArgument'],
  ['NUL', '{"CallerReference":"\\u0000"}', 'InvalidArgument'], ['half a surrogate pair', '{"CallerReference":"\\ud800"}', 'InvalidArgument'],
])('JSON refused: %s', (_name, body, code) => {
  expect(read('CreateInvalidation', body, 'json')).toBe(code);
});

test('members of Object.prototype in JSON are members like others, and dropped', () => {
  const input = read('CreateInvalidation', '{"__proto__":{"x":1},"CallerReference":"r"}', 'json') as Record<string, Record<string, unknown>>;
  expect(input['InvalidationBatch']).toEqual({ CallerReference: 'r' });
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

test('an empty element means "not set" where a value may be left out, and empty where it may not', () => {
  const behavior = '<TargetOriginId>o</TargetOriginId><CachePolicyId></CachePolicyId><RealtimeLogConfigArn/><MinTTL></MinTTL><Compress></Compress>';
  const xml = '<DistributionConfig><CallerReference></CallerReference><Comment/><WebACLId></WebACLId><PriceClass/>'
    + `<DefaultCacheBehavior>${behavior}</DefaultCacheBehavior></DistributionConfig>`;
  const expected = { DistributionConfig: { CallerReference: '', Comment: '', DefaultCacheBehavior: { TargetOriginId: 'o' } } };
  expect(read('CreateDistribution', xml)).toEqual(expected);
  const json = { CallerReference: '', Comment: '', WebACLId: '', PriceClass: '', DefaultCacheBehavior: { TargetOriginId: 'o', CachePolicyId: '' } };
  expect(read('CreateDistribution', JSON.stringify(json), 'json')).toEqual(expected);
});

test('a tag may have an empty value', () => {
  expect(read('TagResource', '<Tags><Items><Tag><Key>k</Key><Value></Value></Tag></Items></Tags>', 'xml', { query: 'Operation=Tag&Resource=arn' }))
    .toEqual({ Resource: 'arn', Tags: { Items: [{ Key: 'k', Value: '' }] } });
});

test('headers and query parameters have types too', () => {
  const copy = '<CopyDistributionRequest><CallerReference>c</CallerReference></CopyDistributionRequest>';
  expect(read('CopyDistribution', copy, 'xml', { headers: { staging: 'true', 'if-match': 'E2' } }))
    .toEqual({ Staging: true, IfMatch: 'E2', CallerReference: 'c' });
  expect(read('CopyDistribution', copy, 'xml', { headers: { staging: 'yes' } })).toBe('InvalidArgument');
  expect(read('ListDistributions', '', 'xml', { query: 'MaxItems=3&Marker=' })).toEqual({ MaxItems: 3 });
  expect(read('ListDistributions', '', 'xml', { query: 'MaxItems=three' })).toBe('InvalidArgument');
});

test('nesting and elements up to the limits, not beyond', () => {
  expect(readXml(Buffer.from(deep(depthMax))).name).toBe('a');
  expect(() => readXml(Buffer.from(deep(depthMax + 1)))).toThrow('nested more than 32 deep');
  expect(readXml(Buffer.from(`<a>${'<b/>'.repeat(elementsMax - 1)}</a>`)).children).toHaveLength(elementsMax - 1);
  expect(() => readXml(Buffer.from(`<a>${'<b/>'.repeat(elementsMax)}</a>`))).toThrow('more than 100000 elements');
});

test('the one document element that is not called as its shape', () => {
  const operation = operationNamed('ListAnycastIpLists');
  expect(operation.output.body?.rootName).toBe('AnycastIpListCollection');
  const list = { Items: [], Marker: '', MaxItems: 1, IsTruncated: false, Quantity: 0 };
  expect(encode(operation, { AnycastIpLists: list }, 'xml').body.toString()).toContain('<AnycastIpListCollection xmlns=');
});

test('line ends become line feeds, other white space stays', () => {
  expect(readXml(Buffer.from('<a> x\r\ny\rz&#13;</a>')).text).toBe(' x\ny\nz\r');
});

test('UpdateFunction\'s ETag is sent under both spellings', () => {
  expect(encode(operationNamed('UpdateFunction'), { ETag: 'E2' }, 'xml').headers).toEqual({ ETag: 'E2', ETtag: 'E2' });
});

test('counted empty lists are left out, those that stand alone are not; JSON likewise', () => {
  const list = { DistributionList: { Marker: '', MaxItems: 1, IsTruncated: false, Quantity: 0, Items: [] } };
  const xml = encode(operationNamed('ListDistributions'), list, 'xml').body.toString();
  expect(xml).toBe(`<?xml version="1.0" encoding="UTF-8"?>\n<DistributionList xmlns="${xmlNamespace}"><Marker></Marker><MaxItems>1</MaxItems>`
    + '<IsTruncated>false</IsTruncated><Quantity>0</Quantity></DistributionList>');
  expect(encode(operationNamed('ListDistributions'), list, 'json').body.toString()).toBe('{"Marker":"","MaxItems":1,"IsTruncated":false,"Quantity":0}');
  expect(encode(operationNamed('ListTagsForResource'), { Tags: { Items: [] } }, 'xml').body.toString()).toContain('<Items/>');
});

test('dates, bytes and headers in answers', () => {
  const answer = encode(operationNamed('CreateInvalidation'), {
    Location: 'https://x/', Invalidation: { Id: 'I1', Status: 'Completed', CreateTime: new Date(1_700_000_000_123), InvalidationBatch: batch.InvalidationBatch },
  }, 'json');
  expect(answer.status).toBe(201);
  expect(answer.headers).toEqual({ Location: 'https://x/', 'Content-Type': 'application/json' });
  expect(JSON.parse(answer.body.toString())).toMatchObject({ CreateTime: '2023-11-14T22:13:20.123Z' });
  const code = encode(operationNamed('GetFunction'), { FunctionCode: Buffer.from([1, 2, 255]), ETag: 'E', ContentType: 'application/javascript' }, 'xml');
  expect([...code.body]).toEqual([1, 2, 255]);
  expect(code.headers['Content-Type']).toBe('application/javascript');
  expect(encode(operationNamed('DeleteDistribution'), {}, 'xml')).toEqual({ status: 204, headers: {}, body: Buffer.alloc(0) });
});

test('the error document', () => {
  const error = { type: 'Sender', code: 'NoSuchDistribution', message: 'The <distribution> & "so" on\u0000.' } as const;
  expect(encodeError(error, 'id', 'xml').toString()).toBe('<?xml version="1.0"?>\n<ErrorResponse xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
    + '<Error><Type>Sender</Type><Code>NoSuchDistribution</Code><Message>The &lt;distribution&gt; &amp; "so" on\ufffd.</Message></Error><RequestId>id</RequestId></ErrorResponse>');
  expect(JSON.parse(encodeError(error, 'id', 'json').toString())).toEqual({ Error: { Type: 'Sender', Code: 'NoSuchDistribution', Message: error.message }, RequestId: 'id' });
});
