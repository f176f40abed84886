// Parameters of tenants where they stand in a multi-tenant distribution: `{{name}}` in an origin's domain or path.

/** Guide: tenant-customization, parameters. */
const placeholder = /\{\{([A-Za-z0-9_-]{1,128})\}\}/g;

/** Names of the parameters that stand in a text. */
export function parametersIn(given: string): readonly string[] {
  return [...given.matchAll(placeholder)].map((match) => match[1] as string);
}

/** The text with each parameter replaced. */
export function filledIn(given: string, valueOf: (name: string) => string): string {
  return given.replace(placeholder, (_whole, name: string) => valueOf(name));
}
