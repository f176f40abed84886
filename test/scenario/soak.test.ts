// The soak at a small size: random operations from several clients while api and worker are killed; bench/soak.mjs compares everything.
import { spawn } from 'node:child_process';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');
const seed = process.env['EDGEFRONT_FUZZ_SEED'] ?? String(Math.floor(Math.random() * 2 ** 31));

test(`nothing acknowledged is missing after kills, and every edge holds what the API says (EDGEFRONT_FUZZ_SEED=${seed})`, async () => {
  const soak = spawn(process.execPath, [
    '--no-warnings', path.join(root, 'bench', 'soak.mjs'),
    '--operations', '150', '--clients', '6', '--kills', '2', '--seed', seed,
  ], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [soak.stdout, soak.stderr]) stream.on('data', (text: Buffer) => { output += text.toString(); });
  const code = await new Promise<number | null>((resolve) => { soak.once('exit', resolve); });
  // What it printed says what is wrong.
  expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
  expect(output).toMatch(/150 operations from 6 clients, [12] kills: \d{2,} writes acknowledged.* 0 things wrong/);
}, 300_000);
