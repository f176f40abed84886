// What must hold when the soak is over: the ledgers against the API, the database within itself, the edges against both.
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { product } from '../fleet.mjs';
import { sleep } from '../processes.mjs';
import { ask } from './client.mjs';
import { command } from './nouns.mjs';

const { isManaged } = product('model/managed-policies');
const { neverMissing, referencesOf, streamingReferencesOf } = product('model/references');

const settleMsMax = 120_000;

/** Waits until nothing is in progress any more. @returns what still is */
export async function settled(query) {
  for (const deadline = performance.now() + settleMsMax; ;) {
    const [{ open }] = await query(`SELECT
      (SELECT count(*) FROM "distribution" WHERE "status" <> 'Deployed') + (SELECT count(*) FROM "invalidation" WHERE "status" <> 'Completed')
      + (SELECT count(*) FROM "resource" WHERE NOT "settled") AS "open"`);
    if (open === '0') return [];
    if (performance.now() > deadline) return [`${open} distributions, invalidations and resources are still in progress`];
    await sleep(100);
  }
}

/** Every acknowledged write is there, and nothing else but what was uncertain. */
export async function checkLedgers(clients, query) {
  const wrong = await Promise.all(clients.map(checkLedger));
  return [...wrong.flat(), ...await checkStrangers(clients), ...await checkAudit(clients, query), ...await checkContested(clients, query)];
}

async function checkLedger(client) {
  const wrong = [];
  for (const one of [...client.held.values()]) {
    await client.look(one);
    if (client.held.has(`${one.noun.kind}/${one.id}`)) wrong.push(...await checkBelongings(client, one));
  }
  for (const one of client.gone) {
    const { code } = await client.read(one.noun.read(one.id));
    if (code === undefined || !(code.startsWith('NoSuch') || code === 'EntityNotFound')) wrong.push(`${one.noun.kind} ${one.id} is back after its removal: ${code ?? 'it is read'}`);
  }
  return wrong;
}

/** Tags, the published stage, invalidations. */
async function checkBelongings(client, one) {
  const wrong = [];
  if (one.arn !== undefined) {
    const { answer } = await client.read(command('ListTagsForResource', { Resource: one.arn }));
    const value = answer.Tags.Items.find(({ Key }) => Key === 'mark')?.Value ?? null;
    if (value !== one.tag && !one.tagMaybe.includes(value)) wrong.push(`${one.id} is tagged ${value}; acknowledged was ${one.tag}`);
  }
  if (one.noun.kind === 'function') {
    const result = await client.read(command('DescribeFunction', { Name: one.id, Stage: 'LIVE' }));
    const live = result.outcome === 'done' ? result.answer.FunctionSummary.FunctionConfig.Comment : null;
    if (live !== one.live && !one.liveMaybe.includes(live)) wrong.push(`${one.id} is published as ${live}; acknowledged was ${one.live}`);
  }
  if (one.noun.kind !== 'distribution') return wrong;
  const found = new Map();
  for (let Marker; ;) {
    const { answer: { InvalidationList: list } } = await client.read(command('ListInvalidations', { DistributionId: one.id, MaxItems: 100, ...(Marker === undefined ? {} : { Marker }) }));
    for (const { Id, Status } of list.Items ?? []) found.set(Id, Status);
    if (!list.IsTruncated) break;
    Marker = list.NextMarker;
  }
  const extra = [...found.keys()].filter((id) => !one.invalidations.some((invalidation) => invalidation.id === id));
  for (const { id } of one.invalidations) if (found.get(id) !== 'Completed') wrong.push(`invalidation ${id} of ${one.id} is ${found.get(id) ?? 'not there'}`);
  if (extra.length > one.invalidationsMaybe.length) wrong.push(`${one.id} has ${extra.length} invalidations that nobody was told of; ${one.invalidationsMaybe.length} were uncertain`);
  return wrong;
}

/** What nobody was told of: each must have been an uncertain Create. */
async function checkStrangers(clients) {
  const wrong = [];
  const [client] = clients;
  const shared = new Set(client.sharedIds);
  for (const noun of client.nouns.values()) {
    const told = new Set(clients.flatMap((one) => [...one.held.values()].filter((held) => held.noun.kind === noun.kind).map(({ id }) => id)));
    const maybe = new Set(clients.flatMap(({ uncertain }) => uncertain.filter((one) => one.kind === noun.kind && one.id === undefined).map(({ mark }) => mark)));
    for (let marker; ;) {
      const page = noun.page((await client.read(noun.list(marker))).answer);
      for (const id of page.ids) {
        if (told.delete(id) || shared.has(id)) continue;
        const { config } = noun.seen((await client.read(noun.read(id))).answer);
        const mark = noun.markOf(config) ?? config.Name;
        if (!maybe.delete(mark)) wrong.push(`${noun.kind} ${id} (${mark}) is there, and nobody was told so`);
      }
      if (page.next === undefined || page.next === '') break;
      marker = page.next;
    }
    for (const id of told) wrong.push(`${noun.kind} ${id} was acknowledged and is not listed`);
  }
  return wrong;
}

/** A line for each acknowledged write, and for no more of the others than were uncertain. */
async function checkAudit(clients, query) {
  const wrong = [];
  const lines = new Map((await query('SELECT DISTINCT "request_id", "operation" FROM "audit"')).map((line) => [line.request_id, line.operation]));
  for (const { acknowledged } of clients) {
    for (const { requestId, operation } of acknowledged) {
      if (lines.get(requestId) !== operation) wrong.push(`the acknowledged ${operation} ${requestId} is not in the audit log`);
      lines.delete(requestId);
    }
  }
  const rest = {};
  for (const operation of lines.values()) rest[operation] = (rest[operation] ?? 0) + 1;
  for (const [operation, count] of Object.entries(rest)) {
    const uncertain = clients.flatMap((client) => client.uncertain).filter((one) => one.operation === operation).length;
    if (count > uncertain) wrong.push(`${count} calls of ${operation} are in the audit log that nobody was told of; ${uncertain} were uncertain`);
  }
  return wrong;
}

/** Each version has one successor at most, and every acknowledged one is in the history. */
async function checkContested(clients, query) {
  const wrong = [];
  for (const id of clients[0].sharedIds) {
    const kept = new Set((await query('SELECT "etag" FROM "distribution_version" WHERE "distribution_id" = $1', [id])).map(({ etag }) => etag));
    const won = clients.flatMap(({ contested }) => contested.filter((one) => one.id === id));
    const froms = new Set(won.map(({ from }) => from));
    if (froms.size !== won.length) wrong.push(`${won.length - froms.size} updates of ${id} won a version that another had won`);
    const lost = won.filter(({ to }) => !kept.has(to));
    if (lost.length > 0) wrong.push(`${lost.length} acknowledged updates of ${id} are not in its history`);
    const uncertain = clients.flatMap((client) => client.uncertain).filter((one) => one.id === id).length;
    if (kept.size > 1 + won.length + uncertain) wrong.push(`${id} has ${kept.size} versions, after ${won.length} acknowledged and ${uncertain} uncertain updates`);
  }
  return wrong;
}

/** Each statement answers with what must not be. A function's DEVELOPMENT stage has lines in the log that nodes need not wait for. */
const nothing = {
  'a line of the change log follows the removal': `
    SELECT a."seq", a."subject_id" FROM "change" a JOIN "change" b ON a."subject" = b."subject" AND a."subject_id" = b."subject_id" AND b."seq" < a."seq" WHERE b."action" = 'remove'`,
  'a distribution is not where its last line in the log says': `
    SELECT coalesce(l."subject_id", d."id") FROM (SELECT DISTINCT ON ("subject_id") * FROM "change" WHERE "subject" = 'distribution' ORDER BY "subject_id", "seq" DESC) l
    FULL JOIN "distribution" d ON d."id" = l."subject_id" WHERE (l."action" IS DISTINCT FROM 'put') <> (d."id" IS NULL) OR d."change_seq" < l."seq"`,
  'a resource is not where its last line in the log says': `
    SELECT coalesce(l."subject_id", r."id") FROM (SELECT DISTINCT ON ("subject_id") * FROM "change" WHERE "subject" = 'resource' ORDER BY "subject_id", "seq" DESC) l
    FULL JOIN "resource" r ON r."kind" || '/' || r."id" = l."subject_id" WHERE (l."action" IS DISTINCT FROM 'put') <> (r."id" IS NULL)
      OR r."change_seq" > l."seq" OR (r."change_seq" < l."seq" AND r."kind" NOT IN ('function', 'connection-function'))`,
  'a row names a line that is not in the change log': `
    SELECT "id", "change_seq" FROM (SELECT "id", "change_seq" FROM "distribution" UNION ALL SELECT "id", "change_seq" FROM "invalidation" UNION ALL SELECT "id", "change_seq" FROM "resource") rows
    WHERE NOT EXISTS (SELECT 1 FROM "change" c WHERE c."seq" = rows."change_seq")`,
  'versions of a distribution have gaps': `
    SELECT "distribution_id" FROM "distribution_version" GROUP BY 1 HAVING min("version") <> 1 OR max("version") <> count(*)`,
  'versions are not in the order of the change log': `
    SELECT "distribution_id" FROM (SELECT *, lag("seq") OVER (PARTITION BY "distribution_id" ORDER BY "version") AS "former" FROM "distribution_version") v WHERE "former" >= "seq"`,
  'the lines about a distribution are not its versions': `
    SELECT coalesce(v."distribution_id", c."subject_id") FROM "distribution_version" v
    FULL JOIN (SELECT * FROM "change" WHERE "subject" = 'distribution' AND "action" = 'put') c ON c."seq" = v."seq" AND c."subject_id" = v."distribution_id"
    WHERE v."seq" IS NULL OR c."seq" IS NULL`,
  'a distribution is not its newest version': `
    SELECT d."id" FROM "distribution" d JOIN LATERAL (SELECT * FROM "distribution_version" v WHERE v."distribution_id" = d."id" ORDER BY "version" DESC LIMIT 1) v ON true
    WHERE v."etag" <> d."etag" OR v."config" <> d."config"`,
  'a line of the change log has not one line in the audit log': `
    SELECT c."seq" FROM "change" c LEFT JOIN "audit" a ON a."seq" = c."seq"
    -- The certificate of the service's own domain is issued by the API itself.
    WHERE c."subject_id" <> 'certificate/default' GROUP BY c."seq" HAVING count(a."id") <> 1`,
  'a line of the audit log names a change that is not there': `
    SELECT a."id" FROM "audit" a WHERE a."seq" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "change" c WHERE c."seq" = a."seq" AND c."subject" = a."subject" AND c."subject_id" = a."subject_id" AND c."action" = a."action")`,
  'a reference comes from nowhere': `
    SELECT r.* FROM "reference" r WHERE NOT EXISTS (SELECT 1 FROM "resource" o WHERE o."kind" = r."from_kind" AND o."id" = r."from_id")
      AND NOT EXISTS (SELECT 1 FROM "distribution" d WHERE d."id" = r."from_id" AND r."from_kind" = CASE d."kind" WHEN 'web' THEN 'distribution' ELSE 'streaming-distribution' END)`,
  'an alias belongs to nothing': `
    SELECT a.* FROM "alias" a WHERE NOT EXISTS (SELECT 1 FROM "resource" o WHERE o."kind" = a."owner_kind" AND o."id" = a."owner_id")
      AND NOT EXISTS (SELECT 1 FROM "distribution" d WHERE d."id" = a."owner_id")`,
  'a tag belongs to nothing': `
    SELECT t.* FROM "tag" t WHERE NOT EXISTS (SELECT 1 FROM "resource" o WHERE o."arn" = t."arn") AND NOT EXISTS (SELECT 1 FROM "distribution" d WHERE d."arn" = t."arn")`,
};

/** The database within itself, and the columns against the configurations they are taken from. */
export async function checkDatabase(query) {
  const wrong = [];
  for (const [what, statement] of Object.entries(nothing)) {
    const rows = await query(statement);
    if (rows.length > 0) wrong.push(`${what}: ${rows.length}, such as ${JSON.stringify(rows[0])}`);
  }
  const keyed = (rows) => rows.reduce((map, { key, value }) => map.set(key, [...map.get(key) ?? [], value]), new Map());
  const [references, aliases, origins] = [
    keyed(await query(`SELECT "from_kind" || '/' || "from_id" AS "key", "kind" || '/' || "id" AS "value" FROM "reference"`)),
    keyed(await query('SELECT "owner_id" AS "key", "name" AS "value" FROM "alias"')),
    keyed(await query(`SELECT "distribution_id" AS "key", concat_ws(' ', "origin_id", "domain_name", "origin_path") AS "value" FROM "origin"`)),
  ];
  const same = (found, expected) => isDeepStrictEqual([...new Set(found ?? [])].sort(), [...new Set(expected)].sort());
  for (const { id, kind, config } of await query('SELECT * FROM "distribution"')) {
    const [from, named] = kind === 'web' ? ['distribution', referencesOf(config)] : ['streaming-distribution', streamingReferencesOf(config)];
    const rows = references.get(`${from}/${id}`);
    if (!same(rows, named.map((one) => `${one.kind}/${one.id}`))) wrong.push(`the references of ${id} are not its configuration's: ${rows}`);
    if (!same(aliases.get(id), config.Aliases?.Items ?? [])) wrong.push(`the aliases of ${id} are not its configuration's`);
    if (kind === 'web' && !same(origins.get(id), config.Origins.Items.map((one) => `${one.Id} ${one.DomainName} ${one.OriginPath}`))) wrong.push(`the origins of ${id} are not its configuration's`);
  }
  const there = new Set((await query(`SELECT "kind" || '/' || "id" AS "at" FROM "resource" UNION ALL SELECT 'distribution/' || "id" FROM "distribution"`)).map(({ at }) => at));
  for (const [from, named] of references) {
    for (const target of named) {
      const [kind, id] = [target.slice(0, target.indexOf('/')), target.slice(target.indexOf('/') + 1)];
      if (!neverMissing(kind) && !isManaged(kind, id) && !there.has(target)) wrong.push(`${from} names ${target}, which is not there`);
    }
  }
  return wrong;
}

/** Each edge serves what the API says, by asking through it. */
export async function checkViewers(fleet, clients) {
  const wrong = [];
  await Promise.all(clients.map(async (client) => {
    for (const one of client.held.values()) {
      if (one.noun.kind !== 'distribution' || one === client.template) continue;
      for (const [n, port] of fleet.edgePorts.entries()) {
        const { status, body } = await ask(port, one.host, '/last');
        if (one.config.Enabled ? body !== `/${one.config.Comment}/last` : status !== 403) wrong.push(`edge ${n + 1} answers ${status} ${body.slice(0, 60)} for ${one.id}, acknowledged with ${one.config.Comment}`);
      }
    }
  }));
  return wrong;
}

/** Each edge keeps on its disk, site by site, what compiling the database gives; nothing more. The edges have ended. */
export async function checkEdges(fleet) {
  const wrong = [];
  const log = product('base/log').silentLog;
  const store = await product('store/postgres').openStore({ databaseUrl: fleet.databaseUrl, log, clock: product('base/clock').systemClock });
  try {
    const catalog = new (product('worker/catalog').Catalog)();
    const { compileResource, compileSite, toldResources } = product('worker/compile');
    const told = [];
    for await (const rows of store.changes.resources(500)) {
      for (const row of rows) {
        catalog.put(row);
        if (toldResources.has(row.kind)) told.push(row);
      }
    }
    const sites = new Map();
    /** Their private keys are sealed anew each time: only that they are there is compared. */
    const certificates = new Set(told.filter((row) => row.kind === 'certificate').map((row) => row.id));
    for (const row of told) if (row.kind !== 'certificate') sites.set(row.id, JSON.parse(JSON.stringify(compileResource(row, catalog, null))));
    for await (const rows of store.changes.distributions(500)) {
      for (const row of rows) sites.set(row.id, JSON.parse(JSON.stringify(compileSite(row, catalog))));
    }
    const [epoch, { newest }] = [await store.changes.epoch(), await store.changes.bounds()];
    for (const [n, dir] of fleet.edgeDirs.entries()) {
      const kept = product('snapshot/journal').Journal.open(path.join(dir, 'snapshot'), log).remembered;
      const edge = `edge ${n + 1}`;
      if (kept.epoch !== epoch || kept.seq !== newest) wrong.push(`${edge} is at ${kept.seq} of ${kept.epoch}; the change log is at ${newest} of ${epoch}`);
      for (const { site, reason } of kept.refusals.values()) wrong.push(`${edge} could not take ${site}: ${reason}`);
      for (const id of kept.sites.keys()) if (!sites.has(id) && !certificates.has(id)) wrong.push(`${edge} still has ${id}, which is gone`);
      for (const id of certificates) if (!kept.sites.has(id)) wrong.push(`${edge} has no certificate ${id}`);
      for (const [id, site] of sites) if (!isDeepStrictEqual(kept.sites.get(id), site)) wrong.push(`${edge} has another version of ${id}: ${kept.sites.get(id)?.seq ?? 'none'} instead of ${site.seq}`);
    }
    return { wrong, sites: sites.size, newest };
  } finally {
    await store.close();
  }
}
