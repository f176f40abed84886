-- Data of key value stores: a version, a count and a size for each store, and a subject of its own in the change log. Sign-ins that failed.

-- No row: the store is at version 0 and empty. Kept beside the pairs, since every answer of the data API tells them.
CREATE TABLE "key_value_store" (
  "store_id" TEXT NOT NULL,
  "version" BIGINT NOT NULL CHECK ("version" >= 0),
  "item_count" INTEGER NOT NULL CHECK ("item_count" >= 0),
  "size_bytes" INTEGER NOT NULL CHECK ("size_bytes" >= 0),
  "last_modified_time" TIMESTAMPTZ(3) NOT NULL,
  "change_seq" BIGINT NOT NULL,
  CONSTRAINT "key_value_store_pkey" PRIMARY KEY ("store_id")
);

ALTER TABLE "change" DROP CONSTRAINT "change_subject_check";
ALTER TABLE "change" ADD CONSTRAINT "change_subject_check" CHECK ("subject" IN ('distribution', 'invalidation', 'resource', 'key-values'));

-- What one key did is asked for newest first.
CREATE INDEX "audit_access_key" ON "audit"("access_key_id", "id" DESC);

-- Sign-ins that failed stand in the audit log too; the newest of them are kept.
ALTER TABLE "audit" DROP CONSTRAINT "audit_action_check";
ALTER TABLE "audit" ADD CONSTRAINT "audit_action_check" CHECK ("action" IN ('put', 'remove', 'refuse'));
CREATE INDEX "audit_sign_in" ON "audit"("id" DESC) WHERE "subject" = 'sign-in';
