// Which origin access identity each origin of a configuration is read with.

function objectAt(value: unknown, key: string): Readonly<Record<string, unknown>> | undefined {
  const inner = (value as Record<string, unknown> | null | undefined)?.[key];
  return typeof inner === 'object' && inner !== null ? inner as Record<string, unknown> : undefined;
}

/** `origin-access-identity/cloudfront/ID` → `ID`; anything else: none. */
function identityOf(holder: Readonly<Record<string, unknown>> | undefined): string | null {
  const reference = holder?.['OriginAccessIdentity'];
  if (typeof reference !== 'string') return null;
  return /^origin-access-identity\/cloudfront\/(.+)$/.exec(reference)?.[1] ?? null;
}

/** By origin id; a streaming distribution's only origin has no id of its own and stands under the empty one. */
export function identitiesByOrigin(config: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const items = objectAt(config, 'Origins')?.['Items'];
  for (const origin of Array.isArray(items) ? items as unknown[] : []) {
    const id = (origin as Record<string, unknown> | null)?.['Id'];
    const identity = identityOf(objectAt(origin, 'S3OriginConfig'));
    if (typeof id === 'string' && identity !== null) found.set(id, identity);
  }
  const streaming = identityOf(objectAt(config, 'S3Origin'));
  if (streaming !== null) found.set('', streaming);
  return found;
}
