-- Where a referrer stands in lists, beside what it names: a page of those who name something is read from one index, however many they are.
ALTER TABLE "reference" ADD COLUMN "from_ordinal" BIGINT;
UPDATE "reference" r SET "from_ordinal" = d."ordinal" FROM "distribution" d
  WHERE r."from_kind" IN ('distribution', 'streaming-distribution') AND d."id" = r."from_id";
UPDATE "reference" r SET "from_ordinal" = o."ordinal" FROM "resource" o WHERE o."kind" = r."from_kind" AND o."id" = r."from_id";
ALTER TABLE "reference" ALTER COLUMN "from_ordinal" SET NOT NULL;
DROP INDEX "reference_target";
CREATE INDEX "reference_target" ON "reference"("kind", "id", "from_kind", "from_ordinal" DESC);
