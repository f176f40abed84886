-- Room for every noun of the API: what refers to what, names of tenants, tags of anything with an ARN, versions, audit, keys with policies.

-- What a configuration names by id. Written with the row it belongs to; a target that is referred to cannot be removed.
CREATE TABLE "reference" (
  "from_kind" TEXT NOT NULL,
  "from_id" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  CONSTRAINT "reference_pkey" PRIMARY KEY ("from_kind", "from_id", "kind", "id")
);
CREATE INDEX "reference_target" ON "reference"("kind", "id", "from_kind", "from_id");

-- Of what could be referred to so far: origin access identities, and managed policies.
INSERT INTO "reference" ("from_kind", "from_id", "kind", "id")
SELECT DISTINCT CASE d."kind" WHEN 'web' THEN 'distribution' ELSE 'streaming-distribution' END, d."id", 'origin-access-identity', o."identity_id"
FROM "origin" o JOIN "distribution" d ON d."id" = o."distribution_id" WHERE o."identity_id" IS NOT NULL;
INSERT INTO "reference" ("from_kind", "from_id", "kind", "id")
SELECT DISTINCT 'distribution', d."id", named."kind", named."value" #>> '{}'
FROM "distribution" d, LATERAL (
  SELECT 'cache-policy' AS "kind", jsonb_path_query(d."config", '$.**.CachePolicyId') AS "value"
  UNION ALL SELECT 'origin-request-policy', jsonb_path_query(d."config", '$.**.OriginRequestPolicyId')
  UNION ALL SELECT 'response-headers-policy', jsonb_path_query(d."config", '$.**.ResponseHeadersPolicyId')
) named WHERE d."kind" = 'web' AND named."value" #>> '{}' <> '';
DROP INDEX "origin_identity_id_idx";
ALTER TABLE "origin" DROP COLUMN "identity_id";

-- Names belong to distributions of both kinds and to tenants. Removed with their owner by the same transaction.
ALTER TABLE "alias" DROP CONSTRAINT "alias_distribution_id_fkey";
ALTER TABLE "alias" RENAME COLUMN "distribution_id" TO "owner_id";
ALTER TABLE "alias" ADD COLUMN "owner_kind" TEXT NOT NULL DEFAULT 'distribution';
UPDATE "alias" a SET "owner_kind" = 'streaming-distribution' FROM "distribution" d WHERE d."id" = a."owner_id" AND d."kind" = 'streaming';
ALTER TABLE "alias" ALTER COLUMN "owner_kind" DROP DEFAULT;
DROP INDEX "alias_distribution_id_idx";
CREATE INDEX "alias_owner" ON "alias"("owner_kind", "owner_id");

ALTER TABLE "tag" DROP CONSTRAINT "tag_arn_fkey";

ALTER TABLE "distribution" ADD COLUMN "connection_mode" TEXT NOT NULL DEFAULT 'direct' CHECK ("connection_mode" IN ('direct', 'tenant-only'));
CREATE INDEX "distribution_connection_mode" ON "distribution"("connection_mode", "ordinal" DESC);
CREATE INDEX "distribution_change_seq" ON "distribution"("change_seq");

ALTER TABLE "resource" ADD COLUMN "caller_reference" TEXT;
ALTER TABLE "resource" ADD COLUMN "arn" TEXT;
ALTER TABLE "resource" ADD COLUMN "owner_arn" TEXT;
ALTER TABLE "resource" ADD COLUMN "change_seq" BIGINT NOT NULL DEFAULT 0;
ALTER TABLE "resource" ADD COLUMN "settled" BOOLEAN NOT NULL DEFAULT true;
ALTER TABLE "resource" ALTER COLUMN "change_seq" DROP DEFAULT;
ALTER TABLE "resource" ALTER COLUMN "settled" DROP DEFAULT;
CREATE UNIQUE INDEX "resource_kind_caller_reference_key" ON "resource"("kind", "caller_reference");
CREATE UNIQUE INDEX "resource_arn_key" ON "resource"("arn");
CREATE INDEX "resource_owner" ON "resource"("owner_arn") WHERE "owner_arn" IS NOT NULL;
CREATE INDEX "resource_unsettled" ON "resource"("change_seq") WHERE NOT "settled";

-- A batch belongs to a distribution or to one of its tenants.
ALTER TABLE "invalidation" ADD COLUMN "owner_id" TEXT;
UPDATE "invalidation" SET "owner_id" = "distribution_id";
ALTER TABLE "invalidation" ALTER COLUMN "owner_id" SET NOT NULL;
DROP INDEX "invalidation_distribution_id_caller_reference_key";
DROP INDEX "invalidation_distribution_id_ordinal_idx";
DROP INDEX "invalidation_quota";
CREATE UNIQUE INDEX "invalidation_owner_id_caller_reference_key" ON "invalidation"("owner_id", "caller_reference");
CREATE INDEX "invalidation_owner_id_ordinal_idx" ON "invalidation"("owner_id", "ordinal" DESC);
CREATE INDEX "invalidation_distribution_id_idx" ON "invalidation"("distribution_id");
CREATE INDEX "invalidation_quota" ON "invalidation"("owner_id") WHERE "status" = 'InProgress';

-- Data of key value stores.
CREATE TABLE "key_value" (
  "store_id" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "value" TEXT NOT NULL,
  CONSTRAINT "key_value_pkey" PRIMARY KEY ("store_id", "key")
);

-- Every configuration a distribution ever had; kept when it goes.
CREATE TABLE "distribution_version" (
  "distribution_id" TEXT NOT NULL,
  "version" INTEGER NOT NULL CHECK ("version" > 0),
  "seq" BIGINT NOT NULL,
  "etag" TEXT NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL,
  "access_key_id" TEXT,
  "operation" TEXT,
  "config" JSONB NOT NULL CHECK (jsonb_typeof("config") = 'object'),
  CONSTRAINT "distribution_version_pkey" PRIMARY KEY ("distribution_id", "version")
);
INSERT INTO "distribution_version" ("distribution_id", "version", "seq", "etag", "at", "config")
SELECT "id", 1, "change_seq", "etag", "last_modified_time", "config" FROM "distribution";

-- Who changed what, when; written by the transaction that makes the change.
CREATE TABLE "audit" (
  "id" BIGSERIAL NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "access_key_id" TEXT NOT NULL,
  "operation" TEXT NOT NULL,
  "request_id" TEXT NOT NULL,
  "address" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "subject_id" TEXT NOT NULL,
  "action" TEXT NOT NULL CHECK ("action" IN ('put', 'remove')),
  "seq" BIGINT,
  CONSTRAINT "audit_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "audit_subject" ON "audit"("subject", "subject_id", "id" DESC);
CREATE INDEX "audit_at" ON "audit"("at");

-- A key without a policy is an administrator's.
ALTER TABLE "access_key" ADD COLUMN "name" TEXT NOT NULL DEFAULT '';
ALTER TABLE "access_key" ADD COLUMN "policy" JSONB CHECK ("policy" IS NULL OR jsonb_typeof("policy") = 'object');
ALTER TABLE "access_key" ADD COLUMN "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp();
