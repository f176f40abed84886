// Writes what is generated from the AWS SDK: src/protocol/aws/model-facts.ts, then openapi.yaml. Needs a built dist/.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);

/** Writes the file if its text differs, and says whether it did. */
function update(relative, text) {
  const file = path.join(root, relative);
  if (readFileSync(file, { encoding: 'utf8', flag: 'a+' }) === text) return false;
  writeFileSync(file, text);
  process.stdout.write(`${relative} written\n`);
  return true;
}

const { modelFacts, modelFactsSource } = require('../dist/protocol/aws/declarations.js');
function factsOf(client) {
  const types = path.join(path.dirname(require.resolve(`${client}/package.json`)), 'dist-types');
  const read = (folder) => readdirSync(path.join(types, folder)).filter((name) => name.endsWith('.d.ts')).sort()
    .map((name) => [name, readFileSync(path.join(types, folder, name), 'utf8')]);
  return modelFacts(read('models'), read('commands'));
}
const source = modelFactsSource(factsOf('@aws-sdk/client-cloudfront'), factsOf('@aws-sdk/client-cloudfront-keyvaluestore'));
if (update('src/protocol/aws/model-facts.ts', source)) {
  // The document is made by compiled code, which must know the new facts.
  const built = spawnSync(process.execPath, [path.join(root, 'scripts', 'build.mjs'), '--quiet'], { stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the build failed');
}

const { openApiYaml } = require('../dist/api/openapi.js');
if (!update('openapi.yaml', openApiYaml())) process.stdout.write('openapi.yaml is up to date\n');
