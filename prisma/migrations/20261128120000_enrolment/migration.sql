-- Nodes that enrolled have keys of their own; a token lets one machine enrol, once. Of a token only a hash is kept.
CREATE TABLE "enrolment_token" (
  "id" TEXT NOT NULL,
  "hash" TEXT NOT NULL,
  "node" TEXT,
  "role" TEXT,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  "created_by" TEXT NOT NULL,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  "used_at" TIMESTAMPTZ(3),
  "used_by" TEXT,
  "used_key" TEXT,
  CONSTRAINT "enrolment_token_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "enrolment_token_role" CHECK ("role" IN ('edge', 'router')),
  CONSTRAINT "enrolment_token_used" CHECK (("used_at" IS NULL) = ("used_by" IS NULL) AND ("used_at" IS NULL) = ("used_key" IS NULL))
);

CREATE TABLE "node_key" (
  "node" TEXT NOT NULL,
  "role" TEXT NOT NULL,
  "public_key" TEXT NOT NULL,
  "enrolled_at" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "node_key_pkey" PRIMARY KEY ("node"),
  CONSTRAINT "node_key_role" CHECK ("role" IN ('edge', 'router'))
);
