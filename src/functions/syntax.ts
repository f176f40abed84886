// Reads a function's code before it runs: its syntax, what its runtime has of the language, and its imports.
import { parse, type Node, type Program } from 'acorn';
import { codeBytesMax } from './limits';

export type Runtime = 'cloudfront-js-1.0' | 'cloudfront-js-2.0';
/** A viewer function's entry is `handler(event)`, a connection function's `connectionHandler(connection)`. */
export type FunctionKind = 'viewer' | 'connection';

export interface ReadCode {
  /** An expression: a function that takes `require`, runs the code and returns its entry. Lines are those of the code. */
  readonly script: string;
}

/** What is wrong with the code, as a person can mend it. */
export class CodeError extends Error {
  override readonly name = 'CodeError';
}

const entryNames: Readonly<Record<FunctionKind, string>> = { viewer: 'handler', connection: 'connectionHandler' };

/** guide: functions-javascript-runtime-10 lists what runtime 1.0 has; of newer syntax: arrows, templates, rest parameters, **. */
const missingIn10: ReadonlyMap<string, string> = new Map([
  ['ClassDeclaration', 'class'], ['ClassExpression', 'class'], ['ForOfStatement', 'for-of'], ['AwaitExpression', 'await'],
  ['YieldExpression', 'yield'], ['SpreadElement', 'spread syntax'], ['AssignmentPattern', 'a default value'],
  ['ObjectPattern', 'destructuring'], ['ArrayPattern', 'destructuring'],
  ['ImportDeclaration', 'import'], ['MetaProperty', 'new.target'],
]);

type Fields = Readonly<Record<string, unknown>>;

function unsupportedIn10(node: Node & Fields): string | undefined {
  if (node.type === 'VariableDeclaration' && node['kind'] !== 'var') return String(node['kind']);
  if (node['async'] === true) return 'async';
  if (node['generator'] === true) return 'a generator';
  return missingIn10.get(node.type);
}

function unsupportedIn20(node: Node): string | undefined {
  switch (node.type) {
    case 'ImportExpression': return 'import()';
    case 'ExportNamedDeclaration': case 'ExportDefaultDeclaration': case 'ExportAllDeclaration': return 'export';
    default: return undefined;
  }
}

/** Depth is bounded by the parser, which recurses over at most `codeBytesMax` characters. */
function visit(node: Node, seen: (node: Node & Fields) => void): void {
  const stack: Node[] = [node];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    seen(next as Node & Fields);
    for (const value of Object.values(next) as unknown[]) {
      for (const child of Array.isArray(value) ? value as unknown[] : [value]) {
        if (typeof child === 'object' && child !== null && typeof (child as Partial<Node>).type === 'string') stack.push(child as Node);
      }
    }
  }
}

function lineOf(code: string, position: number): number {
  return code.slice(0, position).split('\n').length;
}

function parsed(code: string, runtime: Runtime): Program {
  try {
    return parse(code, {
      // Module code is strict, as every function's code is.
      sourceType: 'module', allowAwaitOutsideFunction: false, allowHashBang: false,
      ecmaVersion: runtime === 'cloudfront-js-1.0' ? 2018 : 2021,
    });
  } catch (thrown) {
    if (thrown instanceof SyntaxError) throw new CodeError(`SyntaxError: ${thrown.message}`);
    // Nesting deeper than the parser's stack.
    if (thrown instanceof RangeError) throw new CodeError('SyntaxError: the code is nested too deeply');
    throw thrown;
  }
}

/** `import a, { b as c } from 'm'` as constants that stand before the code. */
function constantsOf(program: Program): string {
  return program.body.flatMap((node) => {
    if (node.type !== 'ImportDeclaration') return [];
    const source = `require(${JSON.stringify(node.source.value)})`;
    if (node.specifiers.length === 0) return [`${source};`];
    return node.specifiers.map((specifier) => {
      const local = specifier.local.name;
      if (specifier.type !== 'ImportSpecifier') return `const ${local}=${source};`;
      const imported = specifier.imported.type === 'Identifier' ? specifier.imported.name : String(specifier.imported.value);
      return `const ${local}=${source}[${JSON.stringify(imported)}];`;
    });
  }).join('');
}

/** The code with its imports blanked, so that every line and column stays. */
function withoutImports(code: string, program: Program): string {
  let text = code;
  for (const node of program.body) {
    if (node.type !== 'ImportDeclaration') continue;
    text = text.slice(0, node.start) + text.slice(node.start, node.end).replace(/[^\r\n\u2028\u2029]/g, ' ') + text.slice(node.end);
  }
  return text;
}

/**
 * Checks the code and makes it ready to run.
 * @throws CodeError too large, syntax, a feature that the runtime does not have
 */
export function readCode(code: string, runtime: Runtime, kind: FunctionKind): ReadCode {
  if (Buffer.byteLength(code) > codeBytesMax) throw new CodeError(`The code is larger than ${codeBytesMax} bytes.`);
  const program = parsed(code, runtime);
  visit(program, (node) => {
    const unsupported = unsupportedIn20(node) ?? (runtime === 'cloudfront-js-1.0' ? unsupportedIn10(node) : undefined);
    if (unsupported !== undefined) throw new CodeError(`SyntaxError: ${unsupported} is not supported by ${runtime} (line ${lineOf(code, node.start)})`);
  });
  const entry = entryNames[kind];
  // The line break ends a comment on the code's last line.
  return { script: `(function(require){"use strict";${constantsOf(program)}${withoutImports(code, program)}\n;return typeof ${entry}==="function"?${entry}:undefined;})` };
}
