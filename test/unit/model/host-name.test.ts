// Host names, loopback, relative paths.
import { isHostName, isLoopback, isOriginHost } from '../../../src/model/host-name';
import { isRelativePath } from '../../../src/model/relative-path';

test.each([
  ['www.example.com', true], ['localhost', true], ['a_b.example.com', true], ['xn--mnchen-3ya.de', true], ['a'.repeat(63) + '.de', true],
  ['', false], ['.', false], ['a..b', false], ['example.com.', false], ['-a.com', false], ['a-.com', false], ['a'.repeat(64) + '.de', false],
  ['a b', false], ['a/b', false], ['a:80', false], ['user@host', false], ['10.0.0.1', false], ['1.2.3', false], ['[::1]', false], ['münchen.de', false],
  [`${'a.'.repeat(126)}b`, true], [`${'a.'.repeat(127)}b`, false],
])('host name %p', (name, expected) => {
  expect(isHostName(name, 253)).toBe(expected);
});

test.each([['10.0.0.1', true], ['::1', true], ['2001:db8::1', true], ['10.0.0.256', false], ['[::1]', false], ['fe80::1%eth0', false]])('origin host %p', (host, expected) => {
  expect(isOriginHost(host, 253)).toBe(expected);
});

test.each([
  ['localhost', true], ['LOCALHOST', true], ['a.localhost', true], ['127.0.0.1', true], ['127.9.9.9', true], ['::1', true],
  ['127.example.com', false], ['notlocalhost', false], ['10.0.0.1', false], ['localhost.example.com', false],
])('loopback %p', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

test.each([
  ['/', true], ['/a/b.html', true], ['/a%20b', true], ['/~"\'@:+&=;,!$()*', true],
  ['', false], ['a', false], ['/a b', false], ['/a%2', false], ['/a%zz', false], ['/a?b', false], ['/a#b', false], ['/é', false], ['/a\n', false],
])('relative path %p', (path, expected) => {
  expect(isRelativePath(path, 100)).toBe(expected);
});

test('a relative path that is too long', () => {
  expect(isRelativePath(`/${'a'.repeat(99)}`, 100)).toBe(true);
  expect(isRelativePath(`/${'a'.repeat(100)}`, 100)).toBe(false);
});
