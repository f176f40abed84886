// The browsable reference: HTML made from the OpenAPI document, a page for each operation, without scripts.
//
// Made here rather than by a library: those that render OpenAPI are megabytes of script and want 'unsafe-inline', and
// the document is ours. A page needs nothing but itself, so its policy can forbid everything else.
import { createHash } from 'node:crypto';
import type { Node } from './own-operation';

/** Structures within structures that are opened out; deeper ones are named only. */
const depthMax = 12;

const style = `
:root { color-scheme: light dark; --line: light-dark(#d8dde3, #353c45); --soft: light-dark(#f4f6f8, #1b2027); --dim: light-dark(#56616d, #9aa5b1);
  --link: light-dark(#0b5cad, #7cb7ff); --get: light-dark(#0b6b3a, #63d297); --post: light-dark(#0b5cad, #7cb7ff);
  --put: light-dark(#8a5a00, #f0b952); --delete: light-dark(#b3261e, #ff8a80); }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1.25rem 4rem; font: 1rem/1.5 system-ui, sans-serif; background: light-dark(#fff, #12161b); color: light-dark(#1b2127, #e4e8ec) }
a { color: var(--link); text-decoration: none } a:hover { text-decoration: underline }
h1 { font-size: 1.6rem; margin: .5rem 0 } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem }
code { font: .875rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere } .dim { color: var(--dim) }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--dim) } ul { list-style: none; margin: 0; padding: 0 0 0 1.1rem; border-left: 1px solid var(--line) } body > ul { border: 0; padding: 0 }
li { padding: .2rem 0 } summary { cursor: pointer } .path { background: var(--soft); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem }
.verb { display: inline-block; min-width: 4.2rem; font: 700 .8rem/1.5 ui-monospace, monospace } .get { color: var(--get) } .post { color: var(--post) } .put { color: var(--put) } .delete { color: var(--delete) }
.groups { columns: 16rem; column-gap: 2rem }
`;

/** Everything forbidden but this one style. */
export const referencePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const marks: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' };
const textOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '');
const escape = (value: unknown): string => textOf(value).replace(/[&<>"']/g, (mark) => marks[mark] as string);

const nodeOf = (value: unknown): Node => (typeof value === 'object' && value !== null ? value as Node : {});
const entriesOf = (value: unknown): [string, Node][] => Object.entries(nodeOf(value)).map(([name, inner]) => [name, nodeOf(inner)]);

interface Described {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly node: Node;
}

function operationsOf(document: Node): Described[] {
  return entriesOf(document['paths']).flatMap(([path, item]) => entriesOf(item).map(([method, node]) => ({ id: String(node['operationId']), method, path, node })));
}

/** `/2020-05-31/cache-policy/{Id}` → `cache-policy`; Edgefront's own come first, under one heading. */
function groupOf({ path }: Described): string {
  const [, first = '', second = ''] = path.split(/[/#]/);
  if (first === 'key-value-stores') return 'key-value-store (data)';
  return first === '2020-05-31' ? second.replace(/^(\w+)By\w+$/, '$1s by …').replace(/^distributionss/, 'distributions') : 'Edgefront';
}

function page(title: string, body: string): string {
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`
    + `<title>${escape(title)} · Edgefront API</title><style>${style}</style></head><body>${body}</body></html>\n`;
}

const verb = (method: string): string => `<span class="verb ${escape(method)}">${escape(method.toUpperCase())}</span>`;
const slug = (group: string): string => group.replace(/[^A-Za-z0-9]+/g, '-');

function indexPage(document: Node, all: readonly Described[]): string {
  const groups = new Map<string, Described[]>();
  for (const operation of all) groups.set(groupOf(operation), [...groups.get(groupOf(operation)) ?? [], operation]);
  const sorted = [...groups].sort(([a], [b]) => (a === 'Edgefront' ? -1 : b === 'Edgefront' ? 1 : a.localeCompare(b)));
  const description = textOf(nodeOf(document['info'])['description']).split('\n').filter((line) => line !== '').map((line) => `<p>${escape(line)}</p>`).join('');
  const contents = sorted.map(([group]) => `<li><a href="#${slug(group)}">${escape(group)}</a></li>`).join('');
  const tables = sorted.map(([group, operations]) => `<h2 id="${slug(group)}">${escape(group)}</h2><table>${operations.map((one) =>
    `<tr><td>${verb(one.method)}</td><td><a href="/reference/${escape(one.id)}">${escape(one.id)}</a><br><code class="dim">${escape(one.path)}</code></td>`
    + `<td>${escape(one.node['summary'])}</td></tr>`).join('')}</table>`).join('');
  return page('Reference', `<h1>Edgefront API</h1>${description}<p><a href="/openapi.yaml">openapi.yaml</a> · <a href="/healthz">health</a></p>`
    + `<ul class="groups">${contents}</ul>${tables}`);
}

/** A schema with what it refers to put in its place. */
function resolved(document: Node, schema: Node): { readonly schema: Node; readonly name: string | null } {
  const inner = Array.isArray(schema['allOf']) ? nodeOf(schema['allOf'][0]) : schema;
  const name = typeof inner['$ref'] === 'string' ? inner['$ref'].split('/').at(-1) ?? '' : null;
  return name === null ? { schema: inner, name } : { schema: nodeOf(nodeOf(nodeOf(document['components'])['schemas'])[name]), name };
}

function typeOf(schema: Node, name: string | null): string {
  if (schema['type'] === 'array') return 'list';
  return [name ?? (textOf(schema['type']) || 'any'), ...(schema['format'] === undefined ? [] : [`(${textOf(schema['format'])})`])].join(' ');
}

function constraints(schema: Node): string {
  const said = [
    ...(schema['description'] === undefined ? [] : [escape(schema['description'])]),
    ...(Array.isArray(schema['enum']) ? [`one of ${schema['enum'].map((value) => `<code>${escape(value)}</code>`).join(', ')}`] : []),
    ...['minimum', 'maximum', 'maxLength', 'default'].filter((key) => schema[key] !== undefined).map((key) => `${key} ${escape(schema[key])}`),
  ];
  return said.length === 0 ? '' : ` <span class="dim">${said.join('; ')}</span>`;
}

/** A schema's members as a tree that opens and closes. */
function tree(document: Node, given: Node, trail: readonly string[]): string {
  const { schema, name } = resolved(document, given);
  if (schema['type'] === 'array') return tree(document, nodeOf(schema['items']), trail);
  const members = entriesOf(schema['properties']);
  if (members.length === 0 || (name !== null && trail.includes(name)) || trail.length >= depthMax) return '';
  const required = Array.isArray(schema['required']) ? schema['required'] as readonly string[] : [];
  const inside = [...trail, name ?? ''];
  return `<ul>${members.map(([member, inner]) => {
    const of = resolved(document, inner);
    const line = `<code>${escape(member)}</code> <span class="dim">${escape(typeOf(of.schema, of.name))}${required.includes(member) ? ', required' : ''}</span>${constraints(of.schema)}`;
    const below = tree(document, inner, inside);
    return `<li>${below === '' ? line : `<details><summary>${line}</summary>${below}</details>`}</li>`;
  }).join('')}</ul>`;
}

function contentPart(document: Node, content: unknown): string {
  const kinds = entriesOf(content);
  const first = kinds[0]?.[1];
  if (first === undefined) return '';
  const schema = nodeOf(first['schema']);
  const { name } = resolved(document, schema);
  const types = kinds.map(([type]) => `<code>${escape(type)}</code>`).join(' or ');
  return `<p>${types}${name === null ? '' : `: ${escape(name)}`}</p>${tree(document, schema, [])}`;
}

function operationPage(document: Node, { id, method, path, node }: Described): string {
  const parameters = (Array.isArray(node['parameters']) ? node['parameters'] : []).map(nodeOf);
  const rows = parameters.map((one) => `<tr><td><code>${escape(one['name'])}</code></td><td>${escape(one['in'])}${one['required'] === true ? ', required' : ''}</td>`
    + `<td>${escape(typeOf(nodeOf(one['schema']), null))}${constraints({ ...nodeOf(one['schema']), ...(one['description'] === undefined ? {} : { description: one['description'] }) })}</td></tr>`).join('');
  const body = contentPart(document, nodeOf(node['requestBody'])['content']);
  const responses = entriesOf(node['responses']).map(([status, response]) => {
    const codes = Array.isArray(response['x-error-codes']) ? response['x-error-codes'].map((code) => `<code>${escape(code)}</code>`).join(' ') : escape(response['description']);
    return `<tr><td><code>${escape(status)}</code></td><td>${codes}${status.startsWith('2') ? contentPart(document, response['content']) : ''}</td></tr>`;
  }).join('');
  const open = Array.isArray(node['security']) && node['security'].length === 0;
  return page(id, `<p><a href="/reference">All operations</a></p><h1>${escape(id)}</h1><p>${escape(node['summary'])}</p>`
    + `<p class="path">${verb(method)} <code>${escape(path)}</code></p><p class="dim">${open ? 'Needs no signature.' : 'Needs a signature (SigV4) or a bearer token.'}</p>`
    + `${rows === '' ? '' : `<h2>Parameters</h2><table>${rows}</table>`}${body === '' ? '' : `<h2>Body</h2>${body}`}<h2>Answers</h2><table>${responses}</table>`);
}

/** The pages of a document: `null` for the list of all operations, or an operation's name. */
export interface Reference {
  /** Null when there is no such operation. */
  page(operationId: string | null): string | null;
}

export function referenceOf(document: Node): Reference {
  const all = operationsOf(document);
  const byId = new Map(all.map((operation) => [operation.id, operation]));
  let index: string | null = null;
  return {
    page: (operationId) => {
      if (operationId === null) return (index ??= indexPage(document, all));
      const found = byId.get(operationId);
      return found === undefined ? null : operationPage(document, found);
    },
  };
}
