// A file to its container, by its first bytes: names do not always say, and players leave extensions out.
import { openFlv } from './flv';
import { unsupportedMedia, type ByteSource, type Medium } from './medium';
import { openMp3 } from './mp3';
import { openMp4 } from './mp4';
import type { Breathe } from './mp4-tracks';

/** Boxes that files of MP4 and QuickTime begin with; the oldest of the latter have no `ftyp`. */
const firstBoxes = new Set(['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot']);
const quickTimeBrand = 'qt  ';
const signatureBytes = 12;

/**
 * Opens a file as what it is.
 * @throws Fault `media-malformed`, `media-unsupported`, and what the source throws
 */
export async function openMedium(source: ByteSource, breathe: Breathe): Promise<Medium> {
  const signature = await source.read(0, Math.min(signatureBytes, source.bytes));
  const box = signature.toString('latin1', 4, 8);
  if (firstBoxes.has(box)) return openMp4(source, box !== 'ftyp' || signature.toString('latin1', 8, 12) === quickTimeBrand, breathe);
  if (signature.toString('latin1', 0, 3) === 'FLV') return openFlv(source);
  if (signature.toString('latin1', 0, 3) === 'ID3' || (signature[0] === 0xff && ((signature[1] ?? 0) & 0xe0) === 0xe0)) return openMp3(source);
  throw unsupportedMedia('the file is no FLV, MP4, QuickTime or MP3');
}
