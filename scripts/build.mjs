// Builds dist/ when something it is made from is newer: the Prisma client first, then TypeScript.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const quiet = process.argv.includes('--quiet');
const stampFile = path.join(root, 'dist', '.built-from');

/** One digest over the names, sizes and contents of everything that the build reads. */
function digestOfSources() {
  const hash = createHash('sha256').update(process.version);
  const visit = (relative) => {
    const absolute = path.join(root, relative);
    if (!existsSync(absolute)) return;
    if (statSync(absolute).isDirectory()) {
      for (const name of readdirSync(absolute).sort()) {
        if (path.join(relative, name) === path.join('src', 'store', 'generated')) continue;
        visit(path.join(relative, name));
      }
      return;
    }
    hash.update(relative).update('\0').update(readFileSync(absolute));
  };
  for (const source of ['src', 'prisma', 'tsconfig.json', 'package-lock.json', 'prisma.config.ts']) visit(source);
  return hash.digest('hex');
}

function run(script, args, env = {}) {
  const result = spawnSync(process.execPath, [path.join(root, 'node_modules', script), ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
    process.stderr.write(`build failed: ${script} ${args.join(' ')}\n`);
    process.exit(1);
  }
}

const digest = digestOfSources();
if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === digest && existsSync(path.join(root, 'src/store/generated/client.ts'))) {
  if (!quiet) process.stdout.write('dist/ is up to date\n');
  process.exit(0);
}
process.stderr.write('building dist/ …\n');
const startedAt = Date.now();
// The client is engine-free; Prisma only insists that *some* schema engine exists, so that it downloads none.
run('prisma/build/index.js', ['generate'], { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' });
// A module whose source is gone must not linger in dist/ and stay importable; the incremental state goes with it.
rmSync(path.join(root, 'dist'), { recursive: true, force: true });
run('typescript/bin/tsc', ['-p', 'tsconfig.json']);
mkdirSync(path.join(root, 'dist'), { recursive: true });
writeFileSync(stampFile, digest);
process.stderr.write(`built in ${((Date.now() - startedAt) / 1000).toFixed(1)} s\n`);
