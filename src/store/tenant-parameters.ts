// Whether tenants have the parameters that their distribution requires, decided within the turn, whichever of the two is written.
import type { Dangling, TenantLacks } from './store';
import type { Tx } from './transaction';

/** A tenant of the distribution without a value for one of these parameters, or null. */
export async function tenantWithout(tx: Tx, distributionId: string, parameters: readonly string[]): Promise<TenantLacks | null> {
  if (parameters.length === 0) return null;
  const [lacking] = await tx.$queryRaw<{ tenant: string; parameter: string }[]>`
    SELECT t."id" AS "tenant", wanted.name AS "parameter"
    FROM "reference" r JOIN "resource" t ON t."kind" = r."from_kind" AND t."id" = r."from_id", unnest(${[...parameters]}::text[]) AS wanted(name)
    WHERE r."kind" = 'distribution' AND r."id" = ${distributionId} AND r."from_kind" = 'distribution-tenant'
      AND NOT coalesce(t."config" -> 'Parameters', '[]') @> jsonb_build_array(jsonb_build_object('Name', wanted.name))
    LIMIT 1`;
  return lacking === undefined ? null : { outcome: 'tenant-lacks', ...lacking };
}

/**
 * The distribution of a tenant, when it requires a parameter that the tenant has no value for: it was changed after the
 * tenant was checked against it. Null: all is well.
 */
export async function outgrownDistribution(tx: Tx, tenantId: string): Promise<Dangling | null> {
  const [distribution] = await tx.$queryRaw<{ id: string }[]>`
    SELECT d."id"
    FROM "resource" t JOIN "reference" r ON r."from_kind" = t."kind" AND r."from_id" = t."id" AND r."kind" = 'distribution' JOIN "distribution" d ON d."id" = r."id",
      jsonb_array_elements(coalesce(d."config" #> '{TenantConfig,ParameterDefinitions}', '[]')) AS definition
    WHERE t."kind" = 'distribution-tenant' AND t."id" = ${tenantId}
      AND definition #>> '{Definition,StringSchema,Required}' = 'true' AND definition #> '{Definition,StringSchema,DefaultValue}' IS NULL
      AND NOT coalesce(t."config" -> 'Parameters', '[]') @> jsonb_build_array(jsonb_build_object('Name', definition -> 'Name'))
    LIMIT 1`;
  return distribution === undefined ? null : { outcome: 'dangling', reference: { kind: 'distribution', id: distribution.id } };
}
