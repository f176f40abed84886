// The nodes of the fleet, as the worker last heard of them; "now" is the database's clock, the one all processes share.
import type { NodeRow, NodeStore } from './store';
import type { Database } from './transaction';

interface NodeRecord {
  id: string; role: string; pop: string; addresses: string[]; version: string; connected: boolean;
  acked_seq: bigint; last_seen: Date; live: boolean; refusals: unknown;
  latitude: number | null; longitude: number | null; region: string; capacity: number; load: number; digest: string | null; draining: boolean; enrolled: boolean;
}

function rowOf(record: NodeRecord): NodeRow {
  return {
    id: record.id,
    role: record.role as NodeRow['role'],
    pop: record.pop,
    addresses: record.addresses,
    version: record.version,
    connected: record.connected,
    ackedSeq: Number(record.acked_seq),
    lastSeen: record.last_seen,
    live: record.live,
    refusals: record.refusals as NodeRow['refusals'],
    place: record.latitude === null || record.longitude === null ? null : { latitude: record.latitude, longitude: record.longitude },
    region: record.region as NodeRow['region'],
    capacity: record.capacity,
    load: record.load,
    digest: record.digest,
    draining: record.draining,
    enrolled: record.enrolled,
  };
}

export function nodesIn(database: Database): NodeStore {
  return {
    put: async (sightings, teller) => {
      if (sightings.length === 0) return;
      const rows = JSON.stringify(sightings.map(({ place, ...node }) => ({ ...node, latitude: place?.latitude ?? null, longitude: place?.longitude ?? null })));
      // One statement however many nodes; in one order, so that two workers do not wait for each other.
      await database.read((prisma) => prisma.$executeRaw`
        INSERT INTO "node" ("id", "role", "pop", "addresses", "version", "connected", "acked_seq", "last_seen", "refusals",
          "latitude", "longitude", "region", "capacity", "load", "digest", "teller")
        SELECT "id", "role", "pop", ARRAY(SELECT jsonb_array_elements_text("addresses")), "version", "connected", "ackedSeq",
          clock_timestamp() - make_interval(secs => "seenAgoMs" / 1000), "refusals", "latitude", "longitude", "region", "capacity", "load", "digest", ${teller}
        FROM jsonb_to_recordset(${rows}::jsonb) AS told("id" text, "role" text, "pop" text, "addresses" jsonb, "version" text, "connected" boolean,
          "ackedSeq" bigint, "seenAgoMs" float8, "refusals" jsonb, "latitude" float8, "longitude" float8, "region" text, "capacity" float8, "load" float8, "digest" text)
        ORDER BY "id"
        ON CONFLICT ("id") DO UPDATE SET "role" = excluded."role", "pop" = excluded."pop", "addresses" = excluded."addresses",
          "version" = excluded."version", "connected" = excluded."connected", "acked_seq" = excluded."acked_seq",
          "last_seen" = excluded."last_seen", "refusals" = excluded."refusals", "latitude" = excluded."latitude",
          "longitude" = excluded."longitude", "region" = excluded."region", "capacity" = excluded."capacity", "load" = excluded."load",
          "digest" = excluded."digest", "teller" = excluded."teller"
        WHERE "node"."teller" = excluded."teller" OR "node"."last_seen" <= excluded."last_seen"`);
    },
    list: async (nodeLostMs) => {
      const records = await database.read((prisma) => prisma.$queryRaw<NodeRecord[]>`
        SELECT *, "last_seen" > clock_timestamp() - make_interval(secs => ${nodeLostMs / 1000}::float8) AS "live",
          EXISTS (SELECT 1 FROM "drained_node" d WHERE d."id" = "node"."id") AS "draining",
          EXISTS (SELECT 1 FROM "node_key" k WHERE k."node" = "node"."id") AS "enrolled"
        FROM "node" ORDER BY "id"`);
      return records.map(rowOf);
    },
    remove: async (id, teller) => {
      await database.read((prisma) => prisma.node.deleteMany({ where: { id, teller } }));
    },
    drain: async (id, countMax) => {
      const drained = await database.read((prisma) => prisma.$executeRaw`
        INSERT INTO "drained_node" ("id") SELECT ${id} WHERE (SELECT count(*) FROM "drained_node" WHERE "id" <> ${id}) < ${countMax}::bigint
        ON CONFLICT ("id") DO UPDATE SET "id" = excluded."id"`);
      return drained === 1;
    },
    undrain: async (id) => {
      await database.read((prisma) => prisma.drainedNode.deleteMany({ where: { id } }));
    },
  };
}
