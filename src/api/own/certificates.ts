// Certificates of viewers' connections: uploaded, renewed, listed and deleted; private keys go in and never come out.
import {
  certificateArnOf, certificateIdOfArn, checkCoversNames, defaultCertificateId, iamIdOf, pemBytesMax, prepareCertificate, type CertificateFacts, type CertificateUpload,
} from '../../model/certificate';
import { uuid, versionTag } from '../../model/ids';
import { limits } from '../../model/limits';
import { refuse } from '../../model/refusal';
import { acmArn } from '../../model/viewer-certificate';
import type { ResourceRow } from '../../store/store';
import { storedCertificate, sealerOf } from '../certificates';
import { failure, json, label, query, refer, text, time, type Node, type OwnCall, type OwnOperation, type OwnParts } from '../own-operation';
import { randomBytes } from 'node:crypto';

type Upload = { readonly certificate: string; readonly privateKey: string; readonly certificateChain?: string; readonly certificateArn?: string };

const path = '/edgefront/v1/certificates';
const one = `${path}/{certificateId}`;
const idLabel = label('certificateId', 'The last part of the certificate\'s ARN.');
const missingAnswer = failure('There is no such certificate.');
const badAnswer = failure('MalformedCertificate, UnsupportedCertificate, CertificateExpired, CertificateKeyMismatch, CertificateChainBroken; SecretsKeyMissing.');
/** Certificates on one page. */
const page = { default: 100, max: 500 } as const;

function missing(): never {
  return refuse('NoSuchCertificate', 'The specified certificate does not exist.');
}

function idOf(call: OwnCall): string {
  const id = call.path['certificateId'] as string;
  return /^[A-Za-z0-9-]{1,64}$/.test(id) && id !== defaultCertificateId ? id : missing();
}

const uploadOf = ({ certificate, privateKey, certificateChain = '' }: Upload): CertificateUpload => ({ certificate, privateKey, chain: certificateChain });

function shown(row: ResourceRow, accountId: string): Record<string, unknown> {
  const { chain, ...facts } = row.config as unknown as CertificateFacts & { readonly chain: string };
  return {
    certificateId: row.id, certificateArn: certificateArnOf(accountId, row.id), iamCertificateId: iamIdOf(row.id), ...facts,
    certificateChain: chain, deployed: row.settled, lastModifiedTime: row.lastModifiedTime.toISOString(),
  };
}

async function find(id: string, { store }: OwnParts): Promise<ResourceRow> {
  return await store.resources.get('certificate', id) ?? missing();
}

async function importOne(call: OwnCall, { config, store, clock }: OwnParts): Promise<ResourceRow> {
  const upload = call.body as Upload;
  const sealer = sealerOf(config);
  const id = idForNew(upload.certificateArn, config.accountId);
  const outcome = await store.resources.create({
    ...storedCertificate(id, prepareCertificate(uploadOf(upload), clock.nowMs()), sealer), countMax: limits.certificatesMax + 1,
  });
  switch (outcome.outcome) {
    case 'done': return outcome.row;
    case 'too-many': return refuse('TooManyCertificates', `There may be at most ${limits.certificatesMax} certificates.`);
    default: return refuse('CertificateAlreadyExists', 'There is a certificate with this ARN: renew it instead.');
  }
}

/** A configuration made for another installation, or for AWS, names its certificates by ARNs of their own: they may be kept. */
function idForNew(arn: string | undefined, accountId: string): string {
  if (arn === undefined) return uuid(randomBytes);
  const id = certificateIdOfArn(arn);
  if (!acmArn.test(arn) || id === defaultCertificateId) refuse('MalformedCertificate', 'certificateArn must be arn:aws:acm:us-east-1:ACCOUNT:certificate/ID.');
  return arn.split(':')[4] === accountId ? id : refuse('MalformedCertificate', `certificateArn must be of the account ${accountId}.`);
}

async function renew(call: OwnCall, parts: OwnParts): Promise<ResourceRow> {
  const { config, store, clock } = parts;
  const current = await find(idOf(call), parts);
  const prepared = prepareCertificate(uploadOf(call.body as Upload), clock.nowMs());
  checkCoversNames((current.config as unknown as CertificateFacts).names, prepared.facts.names);
  const next = storedCertificate(current.id, prepared, sealerOf(config));
  const outcome = await store.resources.update('certificate', current.id, current.etag, { ...next, etag: versionTag(randomBytes) });
  if (outcome.outcome === 'done') return outcome.row;
  return outcome.outcome === 'stale' ? refuse('PreconditionFailed', 'The certificate was changed at the same time.') : missing();
}

async function remove(call: OwnCall, parts: OwnParts): Promise<void> {
  const current = await find(idOf(call), parts);
  const outcome = await parts.store.resources.remove('certificate', current.id, current.etag);
  if (outcome.outcome === 'in-use') refuse('CertificateInUse', `The certificate is in use by ${outcome.by.kind} ${outcome.by.id}.`);
  if (outcome.outcome === 'stale') refuse('PreconditionFailed', 'The certificate was changed at the same time.');
  if (outcome.outcome === 'missing') missing();
}

export const certificateOperations: readonly OwnOperation[] = [
  {
    operationId: 'ImportCertificate', method: 'post', path, access: 'key',
    node: {
      summary: 'Uploads a certificate with its private key and issuers. Its ARN goes into ACMCertificateArn of a distribution, or its IAM id into IAMCertificateId.',
      requestBody: { required: true, content: json(refer('CertificateUpload')) },
      responses: { 201: { description: 'The certificate, without its private key.', content: json(refer('UploadedCertificate')) }, 400: badAnswer, 409: failure('CertificateAlreadyExists; TooManyCertificates.') },
    },
    handle: async (call, parts) => ({ status: 201, json: shown(await importOne(call, parts), parts.config.accountId) }),
  },
  {
    operationId: 'ListCertificates', method: 'get', path, access: 'key',
    node: {
      summary: 'Lists certificates, newest first.',
      parameters: [query('marker', 'The `nextMarker` of the page before.', { type: 'string', minLength: 1, maxLength: 64 }),
        query('maxItems', 'Certificates on a page.', { type: 'integer', minimum: 1, maximum: page.max, default: page.default })],
      responses: { 200: { description: 'The certificates.', content: json(refer('UploadedCertificateList')) } },
    },
    handle: async ({ query: given }, { store, config }) => {
      const found = await store.resources.list('certificate', (given['marker'] as string | undefined) ?? null, (given['maxItems'] as number | undefined) ?? page.default);
      const certificates = found.items.filter((row) => row.id !== defaultCertificateId).map((row) => shown(row, config.accountId));
      return { status: 200, json: { certificates, ...(found.nextMarker === null ? {} : { nextMarker: found.nextMarker }) } };
    },
  },
  {
    operationId: 'GetCertificate', method: 'get', path: one, access: 'key',
    node: { summary: 'Shows a certificate, without its private key.', parameters: [idLabel], responses: { 200: { description: 'The certificate.', content: json(refer('UploadedCertificate')) }, 404: missingAnswer } },
    handle: async (call, parts) => ({ status: 200, json: shown(await find(idOf(call), parts), parts.config.accountId) }),
  },
  {
    operationId: 'RenewCertificate', method: 'put', path: one, access: 'key',
    node: {
      summary: 'Puts another certificate in the place of one, under the same ARN; it must cover the same names. Edges show it to the next viewer, without a restart.',
      parameters: [idLabel], requestBody: { required: true, content: json(refer('CertificateUpload')) },
      responses: { 200: { description: 'The certificate.', content: json(refer('UploadedCertificate')) }, 400: badAnswer, 404: missingAnswer },
    },
    handle: async (call, parts) => ({ status: 200, json: shown(await renew(call, parts), parts.config.accountId) }),
  },
  {
    operationId: 'DeleteCertificate', method: 'delete', path: one, access: 'key',
    node: { summary: 'Deletes a certificate that nothing names.', parameters: [idLabel], responses: { 204: { description: 'Done.' }, 404: missingAnswer, 409: failure('CertificateInUse.') } },
    handle: async (call, parts) => {
      await remove(call, parts);
      return { status: 204, json: null };
    },
  },
  {
    operationId: 'GetCertificateAuthority', method: 'get', path: '/edgefront/v1/certificate-authority', access: 'open',
    node: {
      summary: 'The root certificate of the authority that certifies the service\'s own domain, as PEM: for curl --cacert, or a browser\'s list of authorities.',
      responses: { 200: { description: 'The certificate.', content: { 'application/x-pem-file': { schema: text } } }, 404: failure('NoSuchCertificate: there is no such authority.') },
    },
    handle: async (_call, { store }) => {
      const row = await store.resources.get('certificate', defaultCertificateId);
      const root = (row?.attributes as { readonly authority?: string } | undefined)?.authority;
      return root === undefined ? missing() : { status: 200, text: root, mediaType: 'application/x-pem-file' };
    },
  },
];

const pem = (description: string): Node => ({ type: 'string', maxLength: pemBytesMax, description });

export const certificateSchemas: Readonly<Record<string, Node>> = {
  CertificateUpload: {
    type: 'object', required: ['certificate', 'privateKey'], additionalProperties: false,
    properties: {
      certificate: pem('The certificate itself, PEM.'), privateKey: pem('Its private key, PEM, without a password. It is kept encrypted and never shown.'),
      certificateChain: pem('Its issuers, the nearest first, PEM.'),
      certificateArn: { type: 'string', maxLength: 160, description: 'The ARN it shall have, e.g. one that a configuration names already; left out: a new one.' },
    },
  },
  UploadedCertificate: {
    type: 'object',
    required: ['certificateId', 'certificateArn', 'iamCertificateId', 'names', 'keyType', 'issuer', 'serial', 'notBefore', 'notAfter', 'certificateChain', 'deployed', 'lastModifiedTime'],
    properties: {
      certificateId: text, certificateArn: text, iamCertificateId: { type: 'string', nullable: true },
      names: { type: 'array', items: text }, keyType: { type: 'string', enum: ['RSA', 'ECDSA'] }, issuer: text, serial: text, notBefore: time, notAfter: time,
      certificateChain: text, deployed: { type: 'boolean', description: 'Every live edge has it.' }, lastModifiedTime: time,
    },
  },
  UploadedCertificateList: { type: 'object', required: ['certificates'], properties: { certificates: { type: 'array', items: refer('UploadedCertificate') }, nextMarker: text } },
};
