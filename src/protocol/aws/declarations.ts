// Reads from the SDK's type declarations what its run-time schemas leave out: which members are enumerations, and each operation's errors.
//
// Needs the declaration files, so it runs when model-facts.ts is generated, never in a process.

export interface ModelFacts {
  /** `Structure.Member` to the name of the SDK's enumeration, for members that are one or a list of one. */
  readonly enumerations: Readonly<Record<string, string>>;
  /** Operation to the codes of the errors that the model lists for it. */
  readonly errors: Readonly<Record<string, readonly string[]>>;
}

/**
 * @param models text of the SDK's `dist-types/models/models_*.d.ts`
 * @param isEnumeration tells the names of enumerations from those of structures
 */
export function enumerationsIn(models: string, isEnumeration: (name: string) => boolean): Record<string, string> {
  const found: Record<string, string> = {};
  for (const declaration of models.matchAll(/^export interface (\w+) \{\n([\s\S]*?)^\}/gm)) {
    for (const member of (declaration[2] ?? '').matchAll(/^ {4}(\w+)\??: (\w+)(?:\[\])?(?: \| undefined)?;$/gm)) {
      const [, name, type] = member;
      if (type !== undefined && isEnumeration(type)) found[`${declaration[1]}.${name}`] = type;
    }
  }
  return found;
}

/** @param command text of one of the SDK's `dist-types/commands/*.d.ts` */
export function errorsIn(command: string): string[] {
  const codes = [...command.matchAll(/@throws \{@link (\w+)\} \((?:client|server) fault\)/g)].map((found) => found[1] ?? '');
  return [...new Set(codes)].sort();
}

/**
 * @param models name and text of each of the SDK's `dist-types/models/*.d.ts`
 * @param commands name and text of each of its `dist-types/commands/*.d.ts`
 */
export function modelFacts(models: readonly (readonly [string, string])[], commands: readonly (readonly [string, string])[]): ModelFacts {
  const text = models.map(([, source]) => source).join('\n');
  const names = new Set([...text.matchAll(/ \* @enum\n \*\/\nexport declare const (\w+): \{/g)].map((found) => found[1] ?? ''));
  return {
    enumerations: enumerationsIn(text, (name) => names.has(name)),
    errors: Object.fromEntries(commands
      .map(([file, source]): [string, string[]] => [file.replace(/Command\.d\.ts$/, ''), errorsIn(source)])
      .filter(([operation]) => /^[A-Z]\w+$/.test(operation))),
  };
}

/** The text of model-facts.ts. @param keyValueStore facts of the second service, which has no enumerations so far */
export function modelFactsSource(facts: ModelFacts, keyValueStore: ModelFacts): string {
  const sorted = <V>(record: Readonly<Record<string, V>>): [string, V][] =>
    Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '// What the SDK\'s run-time schemas leave out: enumerated members and the errors of each operation. Made by `npm run openapi`.',
    '',
    '/** `Structure.Member` to the name of the SDK\'s enumeration. */',
    'export const enumerations: Readonly<Record<string, string>> = {',
    ...sorted(facts.enumerations).map(([member, name]) => `  '${member}': '${name}',`),
    '};',
    '',
    '/** Operation to the codes of its errors, separated by spaces. */',
    'export const errors: Readonly<Record<string, string>> = {',
    ...sorted(facts.errors).map(([operation, codes]) => `  ${operation}: '${codes.join(' ')}',`),
    '};',
    '',
    '/** The same for the operations on the data of key value stores. */',
    'export const keyValueStoreErrors: Readonly<Record<string, string>> = {',
    ...sorted(keyValueStore.errors).map(([operation, codes]) => `  ${operation}: '${codes.join(' ')}',`),
    '};',
    '',
  ].join('\n');
}
