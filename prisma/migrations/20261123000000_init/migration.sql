-- The first tables of the control plane; prisma/schema.prisma says what each column means.

CREATE TABLE "distribution" (
  "id" TEXT NOT NULL,
  "ordinal" BIGSERIAL NOT NULL,
  "kind" TEXT NOT NULL CHECK ("kind" IN ('web', 'streaming')),
  "arn" TEXT NOT NULL,
  "domain_name" TEXT NOT NULL,
  "caller_reference" TEXT NOT NULL,
  "etag" TEXT NOT NULL,
  "enabled" BOOLEAN NOT NULL,
  "status" TEXT NOT NULL CHECK ("status" IN ('InProgress', 'Deployed')),
  "change_seq" BIGINT NOT NULL,
  "last_modified_time" TIMESTAMPTZ(3) NOT NULL,
  "config" JSONB NOT NULL CHECK (jsonb_typeof("config") = 'object'),
  CONSTRAINT "distribution_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "distribution_ordinal_key" ON "distribution"("ordinal");
CREATE UNIQUE INDEX "distribution_arn_key" ON "distribution"("arn");
CREATE UNIQUE INDEX "distribution_domain_name_key" ON "distribution"("domain_name");
CREATE UNIQUE INDEX "distribution_caller_reference_key" ON "distribution"("caller_reference");
CREATE INDEX "distribution_kind_ordinal_idx" ON "distribution"("kind", "ordinal" DESC);
-- Settling touches only what is in progress, however many distributions there are.
CREATE INDEX "distribution_in_progress" ON "distribution"("change_seq") WHERE "status" = 'InProgress';

CREATE TABLE "origin" (
  "distribution_id" TEXT NOT NULL,
  "origin_id" TEXT NOT NULL,
  "domain_name" TEXT NOT NULL,
  "origin_path" TEXT NOT NULL,
  "identity_id" TEXT,
  CONSTRAINT "origin_pkey" PRIMARY KEY ("distribution_id", "origin_id"),
  CONSTRAINT "origin_distribution_id_fkey" FOREIGN KEY ("distribution_id")
    REFERENCES "distribution"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "origin_identity_id_idx" ON "origin"("identity_id");

CREATE TABLE "alias" (
  "name" TEXT NOT NULL CHECK ("name" = lower("name")),
  "distribution_id" TEXT NOT NULL,
  CONSTRAINT "alias_pkey" PRIMARY KEY ("name"),
  CONSTRAINT "alias_distribution_id_fkey" FOREIGN KEY ("distribution_id")
    REFERENCES "distribution"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "alias_distribution_id_idx" ON "alias"("distribution_id");

CREATE TABLE "geo_restriction" (
  "distribution_id" TEXT NOT NULL,
  "type" TEXT NOT NULL CHECK ("type" IN ('none', 'whitelist', 'blacklist')),
  "locations" TEXT[] NOT NULL,
  CONSTRAINT "geo_restriction_pkey" PRIMARY KEY ("distribution_id"),
  CONSTRAINT "geo_restriction_distribution_id_fkey" FOREIGN KEY ("distribution_id")
    REFERENCES "distribution"("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "invalidation" (
  "id" TEXT NOT NULL,
  "ordinal" BIGSERIAL NOT NULL,
  "distribution_id" TEXT NOT NULL,
  "caller_reference" TEXT NOT NULL,
  "paths" TEXT[] NOT NULL,
  "tags" TEXT[] NOT NULL,
  "wildcard_count" INTEGER NOT NULL CHECK ("wildcard_count" >= 0),
  "status" TEXT NOT NULL CHECK ("status" IN ('InProgress', 'Completed')),
  "create_time" TIMESTAMPTZ(3) NOT NULL,
  "change_seq" BIGINT NOT NULL,
  CONSTRAINT "invalidation_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "invalidation_distribution_id_fkey" FOREIGN KEY ("distribution_id")
    REFERENCES "distribution"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "invalidation_ordinal_key" ON "invalidation"("ordinal");
CREATE UNIQUE INDEX "invalidation_distribution_id_caller_reference_key" ON "invalidation"("distribution_id", "caller_reference");
CREATE INDEX "invalidation_distribution_id_ordinal_idx" ON "invalidation"("distribution_id", "ordinal" DESC);
CREATE INDEX "invalidation_change_seq_idx" ON "invalidation"("change_seq");
CREATE INDEX "invalidation_in_progress" ON "invalidation"("change_seq") WHERE "status" = 'InProgress';
CREATE INDEX "invalidation_quota" ON "invalidation"("distribution_id") WHERE "status" = 'InProgress';

CREATE TABLE "tag" (
  "arn" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "value" TEXT NOT NULL,
  CONSTRAINT "tag_pkey" PRIMARY KEY ("arn", "key"),
  CONSTRAINT "tag_arn_fkey" FOREIGN KEY ("arn") REFERENCES "distribution"("arn") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "resource" (
  "kind" TEXT NOT NULL,
  "id" TEXT NOT NULL,
  "ordinal" BIGSERIAL NOT NULL,
  "etag" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "last_modified_time" TIMESTAMPTZ(3) NOT NULL,
  "config" JSONB NOT NULL CHECK (jsonb_typeof("config") = 'object'),
  "attributes" JSONB NOT NULL CHECK (jsonb_typeof("attributes") = 'object'),
  CONSTRAINT "resource_pkey" PRIMARY KEY ("kind", "id")
);
CREATE UNIQUE INDEX "resource_ordinal_key" ON "resource"("ordinal");
CREATE UNIQUE INDEX "resource_kind_name_key" ON "resource"("kind", "name");
CREATE INDEX "resource_kind_ordinal_idx" ON "resource"("kind", "ordinal" DESC);

CREATE TABLE "change" (
  "seq" BIGSERIAL NOT NULL,
  "subject" TEXT NOT NULL CHECK ("subject" IN ('distribution', 'invalidation', 'resource')),
  "subject_id" TEXT NOT NULL,
  "action" TEXT NOT NULL CHECK ("action" IN ('put', 'remove')),
  "ordinal" BIGINT,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "change_pkey" PRIMARY KEY ("seq")
);
CREATE INDEX "change_at_idx" ON "change"("at");
CREATE INDEX "change_removed" ON "change"("subject", "subject_id") WHERE "action" = 'remove';

CREATE TABLE "history" (
  "id" INTEGER NOT NULL CHECK ("id" = 1),
  "epoch" TEXT NOT NULL,
  "pruned_seq" BIGINT NOT NULL,
  CONSTRAINT "history_pkey" PRIMARY KEY ("id")
);
INSERT INTO "history" ("id", "epoch", "pruned_seq") VALUES (1, gen_random_uuid()::text, 0);

CREATE TABLE "access_key" (
  "id" TEXT NOT NULL,
  "secret" TEXT NOT NULL,
  "active" BOOLEAN NOT NULL DEFAULT true,
  CONSTRAINT "access_key_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "node" (
  "id" TEXT NOT NULL,
  "role" TEXT NOT NULL CHECK ("role" IN ('edge', 'router', 'worker')),
  "pop" TEXT NOT NULL,
  "addresses" TEXT[] NOT NULL,
  "version" TEXT NOT NULL,
  "connected" BOOLEAN NOT NULL,
  "acked_seq" BIGINT NOT NULL,
  "last_seen" TIMESTAMPTZ(3) NOT NULL,
  "refusals" JSONB NOT NULL CHECK (jsonb_typeof("refusals") = 'array'),
  CONSTRAINT "node_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "secret" (
  "name" TEXT NOT NULL,
  "value" TEXT NOT NULL,
  CONSTRAINT "secret_pkey" PRIMARY KEY ("name")
);
