-- Where nodes are and how busy: routers choose by it. What an operator wants of a node outlives the node's own row, so it has a table.
ALTER TABLE "node" ADD COLUMN "latitude" DOUBLE PRECISION, ADD COLUMN "longitude" DOUBLE PRECISION;
ALTER TABLE "node" ADD COLUMN "region" TEXT NOT NULL DEFAULT 'all', ADD COLUMN "capacity" DOUBLE PRECISION NOT NULL DEFAULT 1;
ALTER TABLE "node" ADD COLUMN "load" DOUBLE PRECISION NOT NULL DEFAULT 0;

CREATE TABLE "drained_node" (
  "id" TEXT NOT NULL,
  "since" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT "drained_node_pkey" PRIMARY KEY ("id")
);
