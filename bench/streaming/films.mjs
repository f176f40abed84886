// The films of the benchmark: ten minutes of 0.8 Mbit/s with a keyframe every two seconds, index first and last, made once with ffmpeg.
import { spawnSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import path from 'node:path';

export const filmS = 600;
export const filmMbitS = 0.8;

function ffmpeg(...args) {
  const made = spawnSync('ffmpeg', ['-v', 'error', '-y', ...args], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`ffmpeg: ${made.stderr}`);
}

/** @returns files `first.mp4` and `last.mp4` in `dir`, which differ in where their index is */
export function makeFilms(dir) {
  const [first, last] = ['first.mp4', 'last.mp4'].map((name) => path.join(dir, name));
  const making = path.join(dir, 'making.mp4');
  // Noise, so that the encoder has the bitrate to spend that it is given.
  ffmpeg('-f', 'lavfi', '-i', `testsrc2=size=320x180:rate=25,noise=alls=20:allf=t`, '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100', '-t', '60',
    '-c:v', 'libx264', '-preset', 'ultrafast', '-b:v', '690k', '-minrate', '690k', '-maxrate', '690k', '-bufsize', '690k', '-g', '50', '-keyint_min', '50', '-sc_threshold', '0', '-c:a', 'aac', '-b:a', '96k', making);
  ffmpeg('-stream_loop', String(filmS / 60 - 1), '-i', making, '-c', 'copy', last);
  ffmpeg('-i', last, '-c', 'copy', '-movflags', '+faststart', `${first}.mp4`);
  renameSync(`${first}.mp4`, first);
  return { first, last };
}
