// The history of a distribution: every configuration it had, what changed between two of them, and the way back to one.
import { diffOf } from '../../model/config-diff';
import { refuse } from '../../model/refusal';
import type { DistributionVersion, Store } from '../../store/store';
import { count, failure, json, label, query, refer, text, time, type Node, type OwnCall, type OwnOperation } from '../own-operation';

const path = '/edgefront/v1/distributions/{id}/versions';
const idLabel = label('id', 'The distribution\'s id.');
/** A version's number; PostgreSQL's integers end here. */
const number: Node = { type: 'integer', minimum: 1, maximum: 2_147_483_647 };
const versionLabel = label('version', 'The version\'s number, 1 for the first.', number);
const missingAnswer = failure('NoSuchDistribution; NoSuchVersion.');
/** Versions on one page. */
export const versionsPage = { default: 50, max: 200 } as const;

function noSuchVersion(version: number): never {
  return refuse('NoSuchVersion', `The distribution has no version ${version}.`);
}

/** Only web distributions' configurations have a default behavior; a streaming one is not shown under this name. */
const isWeb = ({ config }: DistributionVersion): boolean => config['DefaultCacheBehavior'] !== undefined;

function summaryOf({ version, etag, at, accessKeyId, operation }: DistributionVersion): Record<string, unknown> {
  return { version, etag, at: at.toISOString(), accessKeyId, operation };
}

function idOf(call: OwnCall): string {
  const id = String(call.path['id']);
  return /^[A-Za-z0-9]{1,64}$/.test(id) ? id : refuse('NoSuchDistribution', 'The specified distribution does not exist.');
}

async function find(store: Store, id: string, version: number): Promise<DistributionVersion> {
  const found = await store.distributions.version(id, version);
  return found !== null && isWeb(found) ? found : noSuchVersion(version);
}

const numberOf = (value: unknown): number => value as number;

async function rollBack(call: OwnCall, store: Store): Promise<{ etag: string; status: string; version: number }> {
  const id = idOf(call);
  const wanted = await find(store, id, numberOf(call.path['version']));
  const output = await call.cloudFront('UpdateDistribution', { Id: id, IfMatch: call.header['if-match'], DistributionConfig: wanted.config });
  const { Status: status } = output['Distribution'] as { Status: string };
  return { etag: output['ETag'] as string, status, version: wanted.version };
}

export const historyOperations: readonly OwnOperation[] = [
  {
    operationId: 'ListDistributionVersions', method: 'get', path, access: 'key',
    node: {
      summary: 'Lists the configurations a distribution had, newest first, with who made each; they outlive the distribution.',
      parameters: [idLabel,
        query('marker', 'The `nextMarker` of the page before.', number),
        query('maxItems', 'Versions on a page.', { type: 'integer', minimum: 1, maximum: versionsPage.max, default: versionsPage.default })],
      responses: { 200: { description: 'The versions.', content: json(refer('DistributionVersionList')) }, 404: missingAnswer },
    },
    handle: async (call, { store }) => {
      const { marker = null, maxItems = versionsPage.default } = call.query;
      const itemsMax = numberOf(maxItems);
      const found = await store.distributions.versions(idOf(call), marker as number | null, itemsMax + 1);
      if (!found.every(isWeb) || (found.length === 0 && marker === null)) refuse('NoSuchDistribution', 'The specified distribution does not exist.');
      const versions = found.slice(0, itemsMax);
      return { status: 200, json: { versions: versions.map(summaryOf), ...(found.length > itemsMax ? { nextMarker: versions.at(-1)?.version } : {}) } };
    },
  },
  {
    operationId: 'GetDistributionVersion', method: 'get', path: `${path}/{version}`, access: 'key',
    node: {
      summary: 'Shows one of the configurations a distribution had.', parameters: [idLabel, versionLabel],
      responses: { 200: { description: 'The version.', content: json(refer('DistributionVersion')) }, 404: missingAnswer },
    },
    handle: async (call, { store }) => {
      const version = await find(store, idOf(call), numberOf(call.path['version']));
      return { status: 200, json: { ...summaryOf(version), config: version.config } };
    },
  },
  {
    operationId: 'DiffDistributionVersions', method: 'get', path: '/edgefront/v1/distributions/{id}/diff', access: 'key',
    node: {
      summary: 'Tells what is different between two configurations a distribution had, member by member.',
      parameters: [idLabel, query('from', 'The version before.', number, 'required'), query('to', 'The version after.', number, 'required')],
      responses: { 200: { description: 'The differences.', content: json(refer('DistributionDiff')) }, 404: missingAnswer },
    },
    handle: async (call, { store }) => {
      const id = idOf(call);
      const [from, to] = [await find(store, id, numberOf(call.query['from'])), await find(store, id, numberOf(call.query['to']))];
      return { status: 200, json: { from: from.version, to: to.version, differences: diffOf(from.config, to.config) } };
    },
  },
  {
    operationId: 'RollbackDistribution', method: 'post', path: `${path}/{version}/rollback`, access: 'key', alsoNeeds: ['UpdateDistribution'],
    node: {
      summary: 'Makes an earlier configuration the present one: an update like any other, with its rules, as a new version.',
      parameters: [idLabel, versionLabel, { name: 'If-Match', in: 'header', required: true, description: 'ETag of the present configuration.', schema: text }],
      responses: {
        200: { description: 'The new present.', headers: { ETag: { schema: text } }, content: json(refer('Rollback')) },
        400: failure('The errors of UpdateDistribution.'), 404: missingAnswer, 412: failure('PreconditionFailed: somebody changed it meanwhile.'),
      },
    },
    handle: async (call, { store }) => {
      const { etag, status, version } = await rollBack(call, store);
      return { status: 200, headers: { ETag: etag }, json: { etag, status, rolledBackTo: version } };
    },
  },
];

const author: Node = { type: 'string', nullable: true };
const summary: Node = { version: count, etag: text, at: time, accessKeyId: author, operation: author };
const summaryNames = ['version', 'etag', 'at', 'accessKeyId', 'operation'];

export const historySchemas: Readonly<Record<string, Node>> = {
  DistributionVersionSummary: { type: 'object', required: summaryNames, properties: summary },
  DistributionVersionList: {
    type: 'object', required: ['versions'],
    properties: { versions: { type: 'array', items: refer('DistributionVersionSummary') }, nextMarker: count },
  },
  DistributionVersion: { type: 'object', required: [...summaryNames, 'config'], properties: { ...summary, config: refer('DistributionConfig') } },
  DistributionDiff: {
    type: 'object', required: ['from', 'to', 'differences'],
    properties: {
      from: count, to: count,
      differences: {
        type: 'array',
        items: {
          type: 'object', required: ['path'],
          properties: { path: text, before: { description: 'Left out when it was not there.' }, after: { description: 'Left out when it is no longer there.' } },
        },
      },
    },
  },
  Rollback: { type: 'object', required: ['etag', 'status', 'rolledBackTo'], properties: { etag: text, status: text, rolledBackTo: count } },
};
