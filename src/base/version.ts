// The version of this build, as package.json says it.
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Read once; package.json lies two folders above this file both as source and as built. */
export const version = (JSON.parse(readFileSync(path.join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string }).version;
