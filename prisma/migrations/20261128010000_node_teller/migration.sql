-- Which worker's word a node's row is; another worker's counts only when it heard the node later.
ALTER TABLE "node" ADD COLUMN "teller" TEXT NOT NULL DEFAULT '';
