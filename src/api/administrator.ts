// The first administrator: from the environment, or made at first start and kept in the data directory.
import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Config } from '../base/config';
import { Fault, codeOf, messageOf } from '../base/fault';
import type { Store } from '../store/store';
import { makeCredentials, type Credentials } from './credentials';

export interface Administrator {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly source: 'environment' | 'file' | 'made';
}

/** Bytes of credentials.json that are read at most. */
const fileBytesMax = 4_096;

function check(credentials: Partial<Credentials>, where: string): Credentials {
  const { accessKeyId, secretAccessKey } = credentials;
  // Key ids stand in a credential scope between slashes; secrets are any printable text without spaces.
  if (typeof accessKeyId !== 'string' || !/^[\w-]{4,128}$/.test(accessKeyId)) {
    throw new Fault('bad-credentials', 'machine', `${where}: an access key id has 4 to 128 letters, digits, _ or -`);
  }
  if (typeof secretAccessKey !== 'string' || !/^[\x21-\x7E]{8,256}$/.test(secretAccessKey)) {
    throw new Fault('bad-credentials', 'machine', `${where}: a secret access key has 8 to 256 printable characters without spaces`);
  }
  return { accessKeyId, secretAccessKey };
}

async function readCredentials(file: string): Promise<Credentials | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return null;
    throw new Fault('bad-credentials', 'machine', `${file} cannot be read: ${messageOf(thrown)}`, { cause: thrown });
  }
  let parsed: unknown = null;
  try {
    if (text.length <= fileBytesMax) parsed = JSON.parse(text);
  } catch {
    // Reported below like any other content that is not credentials.
  }
  if (typeof parsed !== 'object' || parsed === null) {
    throw new Fault('bad-credentials', 'machine', `${file} does not hold credentials: repair it, or remove it to have new ones made`);
  }
  return check(parsed, file);
}

/** Writes the file whole or not at all, and never over one that another process has written meanwhile. */
async function writeCredentials(file: string, credentials: Credentials): Promise<boolean> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    await link(draft, file);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw new Fault('bad-data-dir', 'machine', `${file} cannot be written: ${messageOf(thrown)}; set EDGEFRONT_DATA_DIR to a directory that can`, { cause: thrown });
  } finally {
    await rm(draft, { force: true });
  }
}

async function findCredentials(config: Config): Promise<Administrator> {
  if (config.accessKeyId !== null && config.secretAccessKey !== null) {
    const given = check({ accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey }, 'EDGEFRONT_ACCESS_KEY_ID, EDGEFRONT_SECRET_ACCESS_KEY');
    return { ...given, source: 'environment' };
  }
  const file = path.join(config.dataDir, 'credentials.json');
  const kept = await readCredentials(file);
  if (kept !== null) return { ...kept, source: 'file' };
  const made = makeCredentials();
  if (await writeCredentials(file, made)) return { ...made, source: 'made' };
  const others = await readCredentials(file);
  if (others === null) throw new Fault('bad-data-dir', 'machine', `${file} comes and goes: another process is changing it`);
  return { ...others, source: 'file' };
}

/**
 * Makes sure that somebody can sign requests.
 * @throws Fault `bad-credentials`, `bad-data-dir` with one clear line; whatever the store throws
 */
export async function ensureAdministrator(config: Config, store: Store): Promise<Administrator> {
  const administrator = await findCredentials(config);
  await store.accessKeys.put(administrator.accessKeyId, administrator.secretAccessKey);
  return administrator;
}
