// Names of streams by table: which objects they mean, and which are none.
import { readStreamName } from '../../../../src/edge/rtmp/stream-name';

test.each<[string, string, readonly string[], string]>([
  ['mp4:dir/film.mp4', 'dir/film.mp4', ['dir/film.mp4'], ''],
  ['mp4:dir/film', 'dir/film', ['dir/film.mp4', 'dir/film.f4v', 'dir/film.mov', 'dir/film.m4a'], ''],
  ['MP4:film', 'film', ['film.mp4', 'film.f4v', 'film.mov', 'film.m4a'], ''],
  ['mp3:song', 'song', ['song.mp3'], ''],
  ['mp3:song.mp3', 'song.mp3', ['song.mp3'], ''],
  ['film', 'film', ['film.flv'], ''],
  ['film.flv', 'film.flv', ['film.flv'], ''],
  ['flv:film', 'film', ['film.flv'], ''],
  ['film.v2', 'film.v2', ['film.v2.flv'], ''],
  ['film.MOV', 'film.MOV', ['film.MOV'], ''],
  ['/film', 'film', ['film.flv'], ''],
  ['mp4:a/b c/ü.mp4', 'a/b c/ü.mp4', ['a/b c/ü.mp4'], ''],
  ['mp4:film.mp4?Expires=1&Signature=a~b_', 'film.mp4', ['film.mp4'], 'Expires=1&Signature=a~b_'],
  ['film?a=b?c', 'film', ['film.flv'], 'a=b?c'],
  ['mp4:film%3FExpires%3D1%26Signature%3da~b', 'film', ['film.mp4', 'film.f4v', 'film.mov', 'film.m4a'], 'Expires=1&Signature=a~b'],
  ['50%25 off', '50%25 off', ['50%25 off.flv'], ''],
])('%s', (name, path, keys, query) => {
  expect(readStreamName(name, 1000)).toEqual({ path, keys, query });
});

test.each([
  ['', 'name-empty'], ['mp4:', 'name-empty'], ['/', 'name-empty'], ['?a=b', 'name-empty'],
  ['../film', 'name-malformed'], ['a/../../b', 'name-malformed'], ['a/./b', 'name-malformed'], ['a//b', 'name-malformed'], ['a/', 'name-malformed'],
  ['a\\b', 'name-malformed'], ['a\0.mp4', 'name-malformed'], ['a\r\nHost: b', 'name-malformed'], ['http://a/b', 'name-malformed'], ['toString:a', 'name-malformed'],
  ['x'.repeat(1001), 'name-too-long'], ['ü'.repeat(501), 'name-too-long'],
])('refused: %j', (name, refused) => {
  expect(readStreamName(name, 1000)).toEqual({ refused });
});
