// Real players against a real edge: whether what they receive is the film, frame for frame, for each container and each way in; starts, seeks, resumed
// downloads and signed names.
//
//   node bench/players.mjs [--only NAME]
//
// Needs ffmpeg, rtmpdump and GStreamer. Ends with 1 when a single frame differs.
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, truncateSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { freePort, inWorkplace, option, sleep, until } from './processes.mjs';
import { Bucket } from './streaming/bucket.mjs';
import { Player } from './streaming/player.mjs';
import { edgefront, need, root } from './systems.mjs';

const { CreateKeyGroupCommand, CreatePublicKeyCommand, CreateStreamingDistributionCommand } = createRequire(import.meta.url)('@aws-sdk/client-cloudfront');
const fixtures = path.join(root, 'test/fixtures/media');
const only = option('only', null);
/** Longest run of a player. */
const playerMsMax = 30_000;
/** All of it at once, so that a film of three seconds takes less than that. */
const wholeFilmMs = '36000000';

/** Runs a player. @returns {Promise<{code: number | null, output: string, ms: number}>} */
function run(program, args) {
  return new Promise((resolve) => {
    const began = performance.now();
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (piece) => { output += piece; });
    child.stderr.on('data', (piece) => { output += piece; });
    const timer = setTimeout(() => child.kill('SIGKILL'), playerMsMax);
    child.on('close', (code) => { clearTimeout(timer); resolve({ code, output, ms: performance.now() - began }); });
  });
}

/** The frames of a file or stream, by the kind of its streams: sizes and MD5s of their packets, and when they are shown, in ms. */
function framesOf(text) {
  const kinds = new Map();
  const bases = new Map();
  const frames = { video: [], audio: [] };
  for (const line of text.split('\n')) {
    const base = /^#tb (\d+): (\d+)\/(\d+)/.exec(line);
    if (base !== null) bases.set(base[1], Number(base[2]) / Number(base[3]));
    const kind = /^#media_type (\d+): (\w+)/.exec(line);
    if (kind !== null) kinds.set(kind[1], kind[2]);
    const fields = line.split(',').map((field) => field.trim());
    if (!/^\d+$/.test(fields[0]) || fields.length < 6) continue;
    frames[kinds.get(fields[0])]?.push({ content: `${fields[4]} ${fields[5]}`, ms: Number(fields[2]) * bases.get(fields[0]) * 1000 });
  }
  return frames;
}

async function framesOfInput(...input) {
  const { output, code } = await run('ffmpeg', ['-v', 'error', '-nostdin', ...input, '-map', '0', '-c', 'copy', '-f', 'framemd5', '-']);
  if (code !== 0) throw new Error(`ffmpeg ended with ${code}: ${output.slice(-500)}`);
  return framesOf(output);
}

/** What differs between what was sent and what should have been; empty: nothing. `wanted` may go on before and after where `part` is true. */
function difference(wanted, got, part = false) {
  for (const kind of ['video', 'audio']) {
    const [source, received] = [wanted[kind], got[kind]];
    if (!part && received.length !== source.length) return `${received.length} of ${source.length} frames of ${kind}`;
    if (source.length > 0 && received.length === 0) return `no ${kind}`;
    if (received.length === 0) continue;
    const from = source.findIndex(({ content }) => content === received[0].content);
    if (from < 0) return `a first frame of ${kind} that is none of the film's`;
    const wrong = received.findIndex(({ content }, i) => content !== source[from + i]?.content);
    if (wrong >= 0) return `frame ${wrong} of ${kind} differs`;
    const shift = received[0].ms - source[from].ms;
    const off = received.findIndex(({ ms }, i) => Math.abs(ms - shift - source[from + i].ms) > 2);
    if (off >= 0) return `frame ${off} of ${kind} is ${received[off].ms - shift - source[from + off].ms} ms off`;
  }
  return '';
}

const ffmpegInput = (scheme, port, { host }, name, more = []) =>
  ['-rtmp_buffer', wholeFilmMs, '-rtmp_tcurl', `rtmp://${host}/cfx/st`, '-rtmp_app', 'cfx/st', '-rtmp_playpath', name, ...more, '-i', `${scheme}://127.0.0.1:${port}/cfx/st`];

const rtmpdump = (scheme, port, { host }, name, file, more = []) =>
  run('rtmpdump', ['-q', '-r', `${scheme}://127.0.0.1:${port}/cfx/st`, '-t', `rtmp://${host}/cfx/st`, '-a', 'cfx/st', '-y', name, '-o', file, ...more]);

/** Ways to receive a film, each of which gives its frames. */
function waysIn(place, site) {
  const dumped = (scheme, port) => async (name) => {
    const file = path.join(place.dir, 'received.flv');
    const { code, output } = await rtmpdump(scheme, port, site, name, file);
    if (code !== 0) throw new Error(`rtmpdump ended with ${code}: ${output.slice(-300)}`);
    return framesOfInput('-i', file);
  };
  return {
    'RTMP, ffmpeg': (name) => framesOfInput(...ffmpegInput('rtmp', site.rtmpPort, site, name)),
    'RTMPT, ffmpeg': (name) => framesOfInput(...ffmpegInput('rtmpt', site.httpPort, site, name)),
    'RTMP, rtmpdump': dumped('rtmp', site.rtmpPort),
    'RTMPE, rtmpdump': dumped('rtmpe', site.rtmpPort),
    'RTMPT, rtmpdump': dumped('rtmpt', site.httpPort),
    'RTMPTE, rtmpdump': dumped('rtmpte', site.httpPort),
    'RTMP, GStreamer': async (name) => {
      const file = path.join(place.dir, 'gst.flv');
      // GLib resolves names below `localhost` by itself (RFC 6761 section 6.3).
      const { code, output } = await run('gst-launch-1.0', ['-q', 'rtmp2src', `host=${site.host}`, `port=${site.rtmpPort}`, 'application=cfx/st', `stream=${name}`, '!', 'filesink', `location=${file}`]);
      if (code !== 0) throw new Error(`gst-launch ended with ${code}: ${output.slice(-300)}`);
      return framesOfInput('-i', file);
    },
  };
}

const prefixOf = (name) => ({ '.flv': '', '.mp3': 'mp3:' })[path.extname(name)] ?? 'mp4:';
const streamName = (name) => `${prefixOf(name)}${/\.(flv|mp3)$/.test(name) ? name.slice(0, -4) : name}`;

async function wholeFilms(place, site, names, failures) {
  const ways = waysIn(place, site);
  const lines = [`| whole file | frames | ${Object.keys(ways).join(' | ')} |`, `|---|---:|${'---|'.repeat(Object.keys(ways).length)}`];
  for (const name of names) {
    const source = await framesOfInput('-i', path.join(fixtures, name));
    const cells = [];
    for (const [way, receive] of Object.entries(ways)) {
      let wrong;
      try { wrong = difference(source, await receive(streamName(name))); } catch (error) { wrong = error.message; }
      if (wrong !== '') failures.push(`${name}, ${way}: ${wrong}`);
      cells.push(wrong === '' ? 'identical' : wrong.slice(0, 80));
    }
    lines.push(`| ${name} | ${source.video.length} + ${source.audio.length} | ${cells.join(' | ')} |`);
    process.stderr.write(`${lines.at(-1)}\n`);
  }
  return lines;
}

/** Where the tag ends that is so far into an FLV file: there rtmpdump stops when it is interrupted. */
function tagEnd(bytes, part) {
  let at = 13;
  while (at < bytes.length * part) at += 11 + bytes.readUIntBE(at + 1, 3) + 4;
  return at;
}

/** Parts of a film, and downloads that go on. */
async function parts(place, site, failures) {
  const [name, file] = ['mp4:moov-first.mp4', path.join(place.dir, 'part.flv')];
  const source = await framesOfInput('-i', path.join(fixtures, 'moov-first.mp4'));
  const check = (what, wrong) => { if (wrong !== '') failures.push(`${what}: ${wrong}`); return `- ${what}: ${wrong === '' ? 'as it should be' : wrong}`; };
  const lines = [];
  const sought = await framesOfInput('-ss', '2.5', ...ffmpegInput('rtmp', site.rtmpPort, site, name));
  lines.push(check('ffmpeg seeks to 2.5 s', difference(source, sought, true) || (sought.video.length < source.video.length / 2 ? '' : 'it begins too early')));
  const started = await rtmpdump('rtmp', site.rtmpPort, site, name, file, ['--start', '1', '--stop', '2']);
  lines.push(check('rtmpdump from 1 s to 2 s', started.code === 0 || started.code === 2 ? difference(source, await framesOfInput('-i', file), true) : `it ended with ${started.code}`));
  await rtmpdump('rtmp', site.rtmpPort, site, name, file);
  truncateSync(file, tagEnd(readFileSync(file), 0.6));
  const resumed = await rtmpdump('rtmp', site.rtmpPort, site, name, file, ['-e']);
  lines.push(check('rtmpdump resumes a download', resumed.code === 0 ? difference(source, await framesOfInput('-i', file)) : `it ended with ${resumed.code}: ${resumed.output.slice(-200)}`));
  const paced = await run('rtmpdump', ['-q', '-r', `rtmp://127.0.0.1:${site.rtmpPort}/cfx/st`, '-t', `rtmp://${site.host}/cfx/st`, '-a', 'cfx/st', '-y', name, '-R', '-b', '1000', '-o', file]);
  lines.push(check(`rtmpdump in real time, of 3 s of film: ${(paced.ms / 1000).toFixed(1)} s`, paced.ms > 1500 && paced.ms < 6000 ? '' : 'that is not real time'));
  return lines;
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const urlSafe = (bytes) => bytes.toString('base64').replaceAll('+', '-').replaceAll('=', '_').replaceAll('/', '~');
const inS = (seconds) => Math.floor(Date.now() / 1000) + seconds;
const policyOf = (resource, expires) => `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
const canned = (keyId, resource, expires, key = privateKey) => `Expires=${expires}&Signature=${urlSafe(sign('sha1', Buffer.from(policyOf(resource, expires)), key))}&Key-Pair-Id=${keyId}`;
function custom(keyId, resource, address) {
  const policy = Buffer.from(`{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${inS(600)}},"IpAddress":{"AWS:SourceIp":"${address}"}}}]}`);
  return `Policy=${urlSafe(policy)}&Signature=${urlSafe(sign('sha1', policy, privateKey))}&Key-Pair-Id=${keyId}`;
}

/** Names that are signed as they should be play; all others end at once, with nothing of the film. */
async function signedNames(place, site, failures) {
  const { keyId } = site;
  const film = 'moov-first';
  const right = {
    'canned policy, without extension': canned(keyId, film, inS(600)), 'canned policy, with extension': canned(keyId, `${film}.mp4`, inS(600)),
    'custom policy, wildcard and address': custom(keyId, 'moov-*', '127.0.0.0/8'),
  };
  const wrong = {
    'no signature': '', 'another key': canned(keyId, film, inS(600), stranger), 'another film': canned(keyId, 'moov-last', inS(600)), 'expired': canned(keyId, film, inS(-10)),
    'a later end written in': canned(keyId, film, inS(600)).replace(/Expires=\d+/, `Expires=${inS(6000)}`), 'an unknown key': canned('K00000000000', film, inS(600)),
    'another address': custom(keyId, 'moov-*', '192.0.2.0/24'), 'host and application in what is signed': canned(keyId, `cfx/st/${film}`, inS(600)),
  };
  const source = await framesOfInput('-i', path.join(fixtures, 'moov-first.mp4'));
  const lines = [];
  for (const [what, query] of Object.entries(right)) {
    const ffmpeg = difference(source, await framesOfInput(...ffmpegInput('rtmp', site.rtmpPort, site, `mp4:${film}?${query}`)));
    const file = path.join(place.dir, 'signed.flv');
    const { code } = await rtmpdump('rtmpe', site.rtmpPort, site, `mp4:${film}?${query}`, file);
    const dump = code === 0 ? difference(source, await framesOfInput('-i', file)) : `rtmpdump ended with ${code}`;
    if (ffmpeg + dump !== '') failures.push(`${what}: ${ffmpeg} ${dump}`);
    lines.push(`- ${what}: ${ffmpeg + dump === '' ? 'plays (ffmpeg, rtmpdump over RTMPE)' : `${ffmpeg} ${dump}`}`);
  }
  for (const [what, query] of Object.entries(wrong)) {
    const file = path.join(place.dir, 'refused.flv');
    const { code, output, ms } = await rtmpdump('rtmp', site.rtmpPort, site, `mp4:${film}?${query}`, file);
    const media = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    const ffmpeg = await run('ffmpeg', ['-v', 'error', '-nostdin', ...ffmpegInput('rtmp', site.rtmpPort, site, `mp4:${film}?${query}`), '-c', 'copy', '-f', 'framemd5', '-']);
    const frames = framesOf(ffmpeg.output);
    const refused = code !== 0 && media < 100 && ms < 3000 && ffmpeg.code !== 0 && ffmpeg.ms < 3000 && frames.video.length + frames.audio.length === 0;
    if (!refused) failures.push(`${what}: rtmpdump ${code}, ${media} bytes, ${ms} ms; ffmpeg ${ffmpeg.code}, ${ffmpeg.ms} ms: ${output}`);
    lines.push(`- ${what}: ${refused ? `refused (rtmpdump after ${Math.round(ms)} ms, ffmpeg after ${Math.round(ffmpeg.ms)} ms), no media` : 'NOT refused'}`);
  }
  const player = new Player({ port: site.rtmpPort, app: 'cfx/st', tcUrl: `rtmp://${site.host}/cfx/st`, name: `mp4:${film}?${canned(keyId, film, inS(2))}` });
  await until(() => player.firstMs !== null, 'the first frame');
  await sleep(3500);
  const before = player.frames;
  player.seek(0);
  await sleep(1500);
  const after = player.frames - before;
  player.close();
  if (after > 0) failures.push(`a seek after the end of the signature brought ${after} frames`);
  lines.push(`- a signature that ends while it is played: played on; a seek after its end brings ${after} frames`);
  return lines;
}

async function distribution(client, reference, signers) {
  const { StreamingDistribution } = await client.send(new CreateStreamingDistributionCommand({ StreamingDistributionConfig: {
    CallerReference: reference, Comment: '', Enabled: true, S3Origin: { DomainName: 'films.s3.amazonaws.com', OriginAccessIdentity: '' },
    TrustedSigners: { Enabled: signers.length > 0, Quantity: signers.length, Items: signers },
  } }));
  return StreamingDistribution.DomainName;
}

await inWorkplace('players', async (place) => {
  need('ffmpeg', 'rtmpdump', 'gst-launch-1.0');
  const bucket = await Bucket.start(place);
  const names = readdirSync(fixtures).filter((name) => !name.endsWith('.json') && !name.startsWith('fragmented')).sort();
  for (const name of names) bucket.put(`/${name}`, readFileSync(path.join(fixtures, name)));
  const rtmpPort = await freePort();
  const endpoints = path.join(place.dir, 'endpoints.json');
  writeFileSync(endpoints, JSON.stringify([{ origins: ['films.s3.*'], url: `http://127.0.0.1:${bucket.port}` }]), { mode: 0o600 });
  const system = await edgefront(place, bucket.port, { readyPath: '/ready', settings: { EDGEFRONT_RTMP_PORT: String(rtmpPort), EDGEFRONT_ORIGIN_ENDPOINTS: endpoints } });
  const { PublicKey } = await system.client.send(new CreatePublicKeyCommand({ PublicKeyConfig: { CallerReference: 'players', Name: 'players', EncodedKey: publicKey.export({ type: 'spki', format: 'pem' }) } }));
  const { KeyGroup } = await system.client.send(new CreateKeyGroupCommand({ KeyGroupConfig: { Name: 'players', Items: [PublicKey.Id] } }));
  const open = { rtmpPort, httpPort: system.port, host: await distribution(system.client, 'players-open', []) };
  const signed = { ...open, host: await distribution(system.client, 'players-signed', [KeyGroup.Id]), keyId: PublicKey.Id };
  await until(async () => (await rtmpdump('rtmp', rtmpPort, open, 'mp3:constant', path.join(place.dir, 'ready.flv'))).code === 0, 'the open distribution');
  const ready = `mp4:moov-first?${canned(PublicKey.Id, 'moov-first', inS(600))}`;
  await until(async () => (await rtmpdump('rtmp', rtmpPort, signed, ready, path.join(place.dir, 'ready.flv'))).code === 0, 'the signed distribution');
  const failures = [];
  const sections = { films: () => wholeFilms(place, open, names, failures), parts: () => parts(place, open, failures), signed: () => signedNames(place, signed, failures) };
  const lines = [];
  for (const [name, section] of Object.entries(sections)) if (only === null || only === name) lines.push(...await section(), '');
  lines.push(`${spawnSync('ffmpeg', ['-version'], { encoding: 'utf8' }).stdout.split('\n')[0].split(' Copyright')[0]}; ${failures.length === 0 ? 'nothing differs' : `${failures.length} failures`}.`);
  process.stdout.write(`${lines.join('\n')}\n`);
  mkdirSync(path.join(root, 'bench/results'), { recursive: true });
  writeFileSync(path.join(root, 'bench/results/players.json'), JSON.stringify({ lines, failures }, null, 2));
  if (failures.length > 0) throw new Error(failures.join('\n'));
});
