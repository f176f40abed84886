// The house rules that a machine can check: which folder may import which, no cycles, documented settings, no leftovers.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { settings, type Setting } from '../../src/base/config';

const root = path.join(__dirname, '..', '..');
const src = path.join(root, 'src');

function filesBelow(dir: string): string[] {
  return readdirSync(dir).flatMap((name) => {
    const file = path.join(dir, name);
    if (statSync(file).isDirectory()) return name === 'generated' ? [] : filesBelow(file);
    return file.endsWith('.ts') ? [file] : [];
  });
}
const sources = filesBelow(src);
const textOf = new Map(sources.map((file) => [file, readFileSync(file, 'utf8')]));

/** Files that `file` imports, by static, type-only, re-exporting and dynamic imports alike. */
function importsOf(file: string): string[] {
  const found = [...(textOf.get(file) ?? '').matchAll(/(?:from|import\(|require\()\s*'(\.[^']+)'/g)].map((match) => match[1] as string);
  return found.map((target) => {
    const resolved = path.resolve(path.dirname(file), target.replace(/\.js$/, ''));
    return existsSync(`${resolved}.ts`) ? `${resolved}.ts` : path.join(resolved, 'index.ts');
  });
}
const folderOf = (file: string): string => path.relative(src, file).split(path.sep)[0] as string;

/** Who may import whom, beside its own folder and base. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  base: [], protocol: [], snapshot: [], geo: [], functions: [],
  model: ['protocol'],
  store: ['model'],
  api: ['store', 'model', 'protocol', 'functions'],
  worker: ['store', 'model', 'snapshot'],
  edge: ['snapshot', 'protocol', 'functions', 'geo'],
  router: ['snapshot', 'protocol', 'geo'],
  // The embedded default starts a database of its own and otherwise only other processes.
  all: ['store'],
  // Makes what a process is handed.
  'main.ts': ['all', 'api', 'worker', 'edge', 'router', 'store', 'functions'],
};

describe('the house', () => {
  test('imports go one way', () => {
    const wrong = sources.flatMap((file) => importsOf(file)
      .filter((target) => {
        const [from, to] = [folderOf(file), folderOf(target)];
        return from !== to && to !== 'base' && !(allowed[from] ?? []).includes(to);
      })
      .map((target) => `${path.relative(root, file)} -> ${path.relative(root, target)}`));
    expect(wrong).toEqual([]);
  });

  test('no value-import cycles', () => {
    const valueImports = (file: string): string[] => {
      const text = (textOf.get(file) ?? '').replace(/import type [^;]+;/g, '').replace(/import \{(?:\s*type \w+(?: as \w+)?,?)+\s*\} from [^;]+;/g, '');
      return [...text.matchAll(/from '(\.[^']+)'/g)].map((match) => `${path.resolve(path.dirname(file), match[1] as string)}.ts`);
    };
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, trail: readonly string[]): void => {
      if (state.get(file) === 'done' || !textOf.has(file)) return;
      if (state.get(file) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(file)), file].map((each) => path.relative(src, each)).join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const target of valueImports(file)) visit(target, [...trail, file]);
      state.set(file, 'done');
    };
    for (const file of sources) visit(file, []);
    expect(cycles).toEqual([]);
  });

  test('only worker/compile.ts speaks both the model and the snapshot', () => {
    const both = sources.filter((file) => {
      const folders = new Set(importsOf(file).map(folderOf));
      return folders.has('model') && folders.has('snapshot');
    });
    expect(both.map((file) => path.relative(src, file))).toEqual([path.join('worker', 'compile.ts')]);
  });

  test('only base/clock reads the wall clock where rules are pure', () => {
    const pure = sources.filter((file) => ['protocol', 'model'].includes(folderOf(file)));
    const impure = pure.filter((file) => /\b(Date\.now\(\)|new Date\(\)|performance\.now\(\))/.test(textOf.get(file) ?? ''));
    expect(impure.map((file) => path.relative(src, file))).toEqual([]);
  });

  test('every file says in its first line what it is for', () => {
    const silent = sources.filter((file) => !/^(#!.*\n)?\/\/ \S/.test(textOf.get(file) ?? ''));
    expect(silent.map((file) => path.relative(src, file))).toEqual([]);
  });

  test('no drawers, no barrels, no leftovers', () => {
    const drawers = readdirSync(src, { recursive: true }).map(String)
      .filter((name) => !name.includes('generated') && /(^|[/\\])(utils|common|types|helpers|index\.ts)$/.test(name));
    expect(drawers).toEqual([]);
    const leftovers = sources.filter((file) => /\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore/.test(textOf.get(file) ?? ''));
    expect(leftovers.map((file) => path.relative(src, file))).toEqual([]);
  });

  test('README lists every setting with its unit and default', () => {
    const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
    const rows = Object.values(settings).map((setting: Setting) => {
      const initial = setting.default === null ? 'unset' : `\`${setting.default}\``;
      return `| \`${setting.name}\` | ${initial} | ${setting.unit} | ${setting.meaning} |`;
    });
    expect(rows.filter((row) => !readme.includes(row))).toEqual([]);
  });

  test('compose names only settings and processes that exist', () => {
    const compose = readFileSync(path.join(root, 'docker-compose.yml'), 'utf8');
    const names = new Set(Object.values(settings).map((setting: Setting) => setting.name));
    const used = [...compose.matchAll(/\b(EDGEFRONT_[A-Z_]+|DATABASE_URL):/g)].map((match) => match[1] as string);
    expect(used.length).toBeGreaterThan(5);
    expect(used.filter((name) => !names.has(name))).toEqual([]);
    const commands = [...compose.matchAll(/dist\/main\.js", "(\w+)"/g)].map((match) => match[1] as string);
    expect(new Set(commands)).toEqual(new Set(['api', 'worker', 'edge', 'router']));
  });
});
