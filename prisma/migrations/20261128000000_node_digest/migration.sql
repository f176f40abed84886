-- What a node has in force, as one text: operators see whether nodes have the same.
ALTER TABLE "node" ADD COLUMN "digest" TEXT;
