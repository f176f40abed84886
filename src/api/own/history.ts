// The history of a distribution of either kind: every configuration it had, what changed between two of them, and the way back to one.
import { diffOf } from '../../model/config-diff';
import { refuse } from '../../model/refusal';
import type { DistributionVersion, Store } from '../../store/store';
import { count, failure, json, label, query, refer, text, time, type Node, type OwnAnswer, type OwnCall, type OwnOperation } from '../own-operation';

/** What differs between the two kinds, whose ids and versions live in one space. */
interface Sort {
  readonly name: 'Distribution' | 'StreamingDistribution';
  readonly path: string;
  /** As texts call it. */
  readonly worded: string;
  /** A member that every configuration of this kind has, and none of the other. */
  readonly ownMember: string;
}

const sorts: readonly Sort[] = [
  { name: 'Distribution', path: '/edgefront/v1/distributions/{id}', worded: 'distribution', ownMember: 'DefaultCacheBehavior' },
  { name: 'StreamingDistribution', path: '/edgefront/v1/streaming-distributions/{id}', worded: 'streaming distribution', ownMember: 'S3Origin' },
];

/** A version's number; PostgreSQL's integers end here. */
const number: Node = { type: 'integer', minimum: 1, maximum: 2_147_483_647 };
const versionLabel = label('version', 'The version\'s number, 1 for the first.', number);
/** Versions on one page. */
export const versionsPage = { default: 50, max: 200 } as const;

function noSuch({ name, worded }: Sort): never {
  return refuse(`NoSuch${name}`, `The specified ${worded} does not exist.`);
}

function noSuchVersion({ worded }: Sort, version: number): never {
  return refuse('NoSuchVersion', `The ${worded} has no version ${version}.`);
}

function summaryOf({ version, etag, at, accessKeyId, operation }: DistributionVersion): Record<string, unknown> {
  return { version, etag, at: at.toISOString(), accessKeyId, operation };
}

const numberOf = (value: unknown): number => value as number;

class History {
  constructor(private readonly sort: Sort) {}

  private idOf(call: OwnCall): string {
    const id = call.path['id'] as string;
    return /^[A-Za-z0-9]{1,64}$/.test(id) ? id : noSuch(this.sort);
  }

  /** One of the other kind is not shown under this name. */
  private isOurs({ config }: DistributionVersion): boolean { return config[this.sort.ownMember] !== undefined; }

  private async find(call: OwnCall, store: Store, version: number): Promise<DistributionVersion> {
    const found = await store.distributions.version(this.idOf(call), version);
    return found !== null && this.isOurs(found) ? found : noSuchVersion(this.sort, version);
  }

  async list(call: OwnCall, store: Store): Promise<OwnAnswer> {
    const { marker = null, maxItems = versionsPage.default } = call.query;
    const itemsMax = numberOf(maxItems);
    const found = await store.distributions.versions(this.idOf(call), marker as number | null, itemsMax + 1);
    if (!found.every((version) => this.isOurs(version)) || (found.length === 0 && marker === null)) noSuch(this.sort);
    const versions = found.slice(0, itemsMax);
    return { status: 200, json: { versions: versions.map(summaryOf), ...(found.length > itemsMax ? { nextMarker: versions.at(-1)?.version } : {}) } };
  }

  async get(call: OwnCall, store: Store): Promise<OwnAnswer> {
    const version = await this.find(call, store, numberOf(call.path['version']));
    return { status: 200, json: { ...summaryOf(version), config: version.config } };
  }

  async diff(call: OwnCall, store: Store): Promise<OwnAnswer> {
    const [from, to] = [await this.find(call, store, numberOf(call.query['from'])), await this.find(call, store, numberOf(call.query['to']))];
    return { status: 200, json: { from: from.version, to: to.version, differences: diffOf(from.config, to.config) } };
  }

  async rollBack(call: OwnCall, store: Store): Promise<OwnAnswer> {
    const { name } = this.sort;
    const wanted = await this.find(call, store, numberOf(call.path['version']));
    const output = await call.cloudFront(`Update${name}`, { Id: this.idOf(call), IfMatch: call.header['if-match'], [`${name}Config`]: wanted.config });
    const { Status: status } = output[name] as { Status: string };
    const etag = output['ETag'] as string;
    return { status: 200, headers: { ETag: etag }, json: { etag, status, rolledBackTo: wanted.version } };
  }
}

function operationsFor(sort: Sort): readonly OwnOperation[] {
  const { name, worded } = sort;
  const history = new History(sort);
  const path = `${sort.path}/versions`;
  const idLabel = label('id', `The ${worded}'s id.`);
  const missingAnswer = failure(`NoSuch${name}; NoSuchVersion.`);
  return [
    {
      operationId: `List${name}Versions`, method: 'get', path, access: 'key',
      node: {
        summary: `Lists the configurations a ${worded} had, newest first, with who made each; they outlive the ${worded}.`,
        parameters: [idLabel,
          query('marker', 'The `nextMarker` of the page before.', number),
          query('maxItems', 'Versions on a page.', { type: 'integer', minimum: 1, maximum: versionsPage.max, default: versionsPage.default })],
        responses: { 200: { description: 'The versions.', content: json(refer('DistributionVersionList')) }, 404: missingAnswer },
      },
      handle: (call, { store }) => history.list(call, store),
    },
    {
      operationId: `Get${name}Version`, method: 'get', path: `${path}/{version}`, access: 'key',
      node: {
        summary: `Shows one of the configurations a ${worded} had.`, parameters: [idLabel, versionLabel],
        responses: { 200: { description: 'The version.', content: json(refer(`${name}Version`)) }, 404: missingAnswer },
      },
      handle: (call, { store }) => history.get(call, store),
    },
    {
      operationId: `Diff${name}Versions`, method: 'get', path: `${sort.path}/diff`, access: 'key',
      node: {
        summary: `Tells what is different between two configurations a ${worded} had, member by member.`,
        parameters: [idLabel, query('from', 'The version before.', number, 'required'), query('to', 'The version after.', number, 'required')],
        responses: { 200: { description: 'The differences.', content: json(refer('DistributionDiff')) }, 404: missingAnswer },
      },
      handle: (call, { store }) => history.diff(call, store),
    },
    {
      operationId: `Rollback${name}`, method: 'post', path: `${path}/{version}/rollback`, access: 'key', alsoNeeds: [`Update${name}`],
      node: {
        summary: 'Makes an earlier configuration the present one: an update like any other, with its rules, as a new version.',
        parameters: [idLabel, versionLabel, { name: 'If-Match', in: 'header', required: true, description: 'ETag of the present configuration.', schema: text }],
        responses: {
          200: { description: 'The new present.', headers: { ETag: { schema: text } }, content: json(refer('Rollback')) },
          400: failure(`The errors of Update${name}.`), 404: missingAnswer, 412: failure('PreconditionFailed: somebody changed it meanwhile.'),
        },
      },
      handle: (call, { store }) => history.rollBack(call, store),
    },
  ];
}

export const historyOperations: readonly OwnOperation[] = sorts.flatMap(operationsFor);

const author: Node = { type: 'string', nullable: true };
const summary: Node = { version: count, etag: text, at: time, accessKeyId: author, operation: author };
const summaryNames = ['version', 'etag', 'at', 'accessKeyId', 'operation'];

export const historySchemas: Readonly<Record<string, Node>> = {
  DistributionVersionSummary: { type: 'object', required: summaryNames, properties: summary },
  DistributionVersionList: {
    type: 'object', required: ['versions'],
    properties: { versions: { type: 'array', items: refer('DistributionVersionSummary') }, nextMarker: count },
  },
  ...Object.fromEntries(sorts.map(({ name }): [string, Node] => [
    `${name}Version`, { type: 'object', required: [...summaryNames, 'config'], properties: { ...summary, config: refer(`${name}Config`) } },
  ])),
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
