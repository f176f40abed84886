// The reference from the document: every operation has its page, pages lead only to pages that there are, and nothing escapes.
import { openApiDocument } from '../../../../src/api/openapi';
import { referenceOf, referencePolicy } from '../../../../src/api/reference';
import { operationsById } from '../../../../src/protocol/aws/rest-xml';

const reference = referenceOf(openApiDocument());

test('the index leads to a page for every operation, and every link on it leads somewhere', () => {
  const index = reference.page(null)!;
  for (const name of operationsById().keys()) expect(index).toContain(`href="/reference/${name}"`);
  const links = [...index.matchAll(/href="([^"]+)"/g)].map((match) => match[1]!);
  const broken = links.filter((link) => (link.startsWith('#') ? !index.includes(`id="${link.slice(1)}"`)
    : link.startsWith('/reference/') ? reference.page(link.slice('/reference/'.length)) === null : !['/reference', '/openapi.yaml', '/healthz'].includes(link)));
  expect(broken).toEqual([]);
});

test('a page tells parameters, members, answers and errors', () => {
  const page = reference.page('UpdateDistribution')!;
  for (const told of ['<code>If-Match</code>', '<code>DefaultCacheBehavior</code>', '<code>PriceClass_100</code>', '<code>IllegalUpdate</code>', '/2020-05-31/distribution/{Id}/config']) {
    expect(page).toContain(told);
  }
  expect(reference.page('Nothing')).toBeNull();
  expect(reference.page('__proto__')).toBeNull();
});

test('a page needs no other host, no script and no second style', () => {
  for (const page of [reference.page(null)!, ...[...operationsById().keys()].map((name) => reference.page(name)!)]) {
    expect(page).not.toMatch(/<script|<link|<img|<iframe|\bstyle="|\bon\w+="|https?:\/\//);
  }
  expect(referencePolicy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; /);
});

test('what the document says is text', () => {
  const marked = referenceOf({ info: {}, paths: { '/x': { get: { operationId: 'X', summary: '<b>&"', responses: {} } } } });
  expect(marked.page('X')).toContain('<p>&lt;b&gt;&amp;&quot;</p>');
});
