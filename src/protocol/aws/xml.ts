// Reads one XML document into a tree, strictly and in linear time: no DTD, no entities of its own, limits on everything.
//
// It accepts the part of XML 1.0 that clients of AWS produce and refuses the rest, so that there is nothing to expand,
// fetch or reinterpret: elements without prefixes, text, CDATA, comments, and the five predefined entities.
import { Fault } from '../../base/fault';

export interface XmlElement {
  readonly name: string;
  /** Value of its own `xmlns` attribute; null when it has none. */
  readonly namespace: string | null;
  readonly children: XmlElement[];
  /** Character data directly inside it, entities resolved, line ends normalised. */
  text: string;
}

/** Elements inside one another; CloudFront's deepest document has 11. */
export const depthMax = 32;
/** Elements in one document; the largest that quotas allow (3,000 invalidation paths, 75 behaviours) stay below 10,000. */
export const elementsMax = 100_000;
/** Attributes of one element; CloudFront's documents have none but `xmlns`. */
export const attributesMax = 8;

function malformed(what: string): Fault {
  return new Fault('MalformedXML', 'caller', `The XML document is not well-formed or not allowed: ${what}.`);
}

const predefined: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', apos: '\'', quot: '"' };
// XML 1.0 section 2.2, Char, negated.
const forbidden = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

function characterOf(reference: string): string {
  const named = Object.hasOwn(predefined, reference) ? predefined[reference] : undefined;
  if (named !== undefined) return named;
  const digits = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(reference);
  if (digits === null) throw malformed('an entity that is not predefined');
  const code = digits[1] === undefined ? Number(digits[2]) : Number.parseInt(digits[1], 16);
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) throw malformed('a character reference to no character');
  const character = String.fromCodePoint(code);
  if (forbidden.test(character)) throw malformed('a character reference to a forbidden character');
  return character;
}

/** Longest reference is `&#1114111;`; looking no further keeps a document of ampersands linear. */
const referenceLengthMax = 10;

function resolve(raw: string): string {
  let at = raw.indexOf('&');
  if (at < 0) return raw;
  const pieces: string[] = [];
  let from = 0;
  while (at >= 0) {
    const length = raw.slice(at + 1, at + 1 + referenceLengthMax).indexOf(';');
    if (length < 0) throw malformed('an ampersand that begins no entity');
    pieces.push(raw.slice(from, at), characterOf(raw.slice(at + 1, at + 1 + length)));
    from = at + length + 2;
    at = raw.indexOf('&', from);
  }
  pieces.push(raw.slice(from));
  return pieces.join('');
}

const declaration = /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.[0-9]"|'1\.[0-9]')(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z0-9._-]{1,40})"|'([A-Za-z0-9._-]{1,40})'))?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>/;

/**
 * One pass over one document. The tree under construction is a stack of open elements; `depthMax` bounds it, and no
 * method looks at a character twice (all searches start where the last one ended).
 */
class Reader {
  private at = 0;
  private elements = 0;
  private root: XmlElement | null = null;
  private readonly open: XmlElement[] = [];
  private readonly name = /[A-Za-z_][A-Za-z0-9_.-]{0,127}/y;
  private readonly attribute = /[ \t\r\n]+([A-Za-z_][A-Za-z0-9_.:-]{0,127})[ \t\r\n]*=[ \t\r\n]*(?:"([^"<]*)"|'([^'<]*)')/y;
  private readonly tagEnd = /[ \t\r\n]*(\/?)>/y;

  constructor(private readonly source: string) {}

  read(): XmlElement {
    this.readDeclaration();
    while (this.at < this.source.length) {
      if (this.source.charCodeAt(this.at) !== 0x3C) this.readText();
      else if (this.source.startsWith('</', this.at)) this.readEndTag();
      else if (this.source.startsWith('<!--', this.at)) this.skipComment();
      else if (this.source.startsWith('<![CDATA[', this.at)) this.readCharacterData();
      else if (this.source.startsWith('<!', this.at)) throw malformed('a document type or entity declaration');
      else if (this.source.startsWith('<?', this.at)) throw malformed('a processing instruction');
      else this.readStartTag();
    }
    if (this.open.length > 0) throw malformed(`element ${this.open.at(-1)?.name} is not closed`);
    if (this.root === null) throw malformed('there is no element');
    return this.root;
  }

  private readDeclaration(): void {
    if (!this.source.startsWith('<?xml')) return;
    const found = declaration.exec(this.source);
    if (found === null) throw malformed('the XML declaration');
    const encoding = found[1] ?? found[2] ?? 'utf-8';
    if (encoding.toLowerCase() !== 'utf-8') throw malformed('an encoding other than UTF-8');
    this.at = found[0].length;
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.source);
    if (found !== null) this.at = pattern.lastIndex;
    return found;
  }

  private addText(text: string): void {
    const element = this.open.at(-1);
    if (element !== undefined) element.text += text;
    else if (/[^ \t\n]/.test(text)) throw malformed('text outside the document element');
  }

  private readText(): void {
    const next = this.source.indexOf('<', this.at);
    const end = next < 0 ? this.source.length : next;
    const raw = this.source.slice(this.at, end);
    if (raw.includes(']]>')) throw malformed('"]]>" in text');
    this.at = end;
    this.addText(resolve(raw));
  }

  private skipComment(): void {
    const end = this.source.indexOf('--', this.at + 4);
    if (end < 0 || this.source.charCodeAt(end + 2) !== 0x3E) throw malformed('a comment');
    this.at = end + 3;
  }

  private readCharacterData(): void {
    const start = this.at + '<![CDATA['.length;
    const end = this.source.indexOf(']]>', start);
    if (end < 0) throw malformed('a CDATA section is not closed');
    if (this.open.length === 0) throw malformed('text outside the document element');
    this.at = end + 3;
    this.addText(this.source.slice(start, end));
  }

  private readNamespace(): string | null {
    let namespace: string | null = null;
    const seen = new Set<string>();
    for (let found = this.match(this.attribute); found !== null; found = this.match(this.attribute)) {
      const name = found[1] ?? '';
      if (seen.has(name) || seen.size >= attributesMax) throw malformed('attributes');
      seen.add(name);
      const value = resolve(found[2] ?? found[3] ?? '');
      if (name === 'xmlns') namespace = value;
      // Serialisers of other languages declare xsi and xsd without using them.
      else if (!name.startsWith('xmlns:') && !name.startsWith('xsi:')) throw malformed(`attribute ${name.slice(0, 64)} is not expected`);
    }
    return namespace;
  }

  private readStartTag(): void {
    this.at += 1;
    const name = this.match(this.name)?.[0];
    if (name === undefined) throw malformed('a tag without a name');
    const parent = this.open.at(-1);
    if (parent === undefined && this.root !== null) throw malformed('more than one document element');
    if (this.open.length >= depthMax) throw malformed(`elements are nested more than ${depthMax} deep`);
    this.elements += 1;
    if (this.elements > elementsMax) throw malformed(`it has more than ${elementsMax} elements`);
    const element: XmlElement = { name, namespace: this.readNamespace(), children: [], text: '' };
    const end = this.match(this.tagEnd);
    if (end === null) throw malformed(`the tag of element ${name}`);
    if (parent === undefined) this.root = element;
    else parent.children.push(element);
    if (end[1] === '') this.open.push(element);
  }

  private readEndTag(): void {
    this.at += 2;
    const name = this.match(this.name)?.[0];
    const end = this.match(this.tagEnd);
    const element = this.open.pop();
    if (element === undefined || element.name !== name || end === null || end[1] !== '') throw malformed('start and end tags do not match');
  }
}

/**
 * The document element of a UTF-8 document.
 * @throws Fault `MalformedXML` for anything but one well-formed document within the limits
 */
export function readXml(bytes: Uint8Array): XmlElement {
  let source: string;
  try {
    source = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw malformed('it is not UTF-8');
  }
  if (forbidden.test(source)) throw malformed('a forbidden character');
  // XML 1.0 section 2.11: line ends reach the application as a single line feed.
  return new Reader(source.includes('\r') ? source.replace(/\r\n?/g, '\n') : source).read();
}
