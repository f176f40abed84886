// Bodies are read within limits: refused before they are held, and given back to the common allowance when used.
import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { BodyReader, bodiesBytesMax } from '../../../src/api/read-body';
import { bodyBytesMax } from '../../../src/protocol/aws/rest-xml';

function requestOf(headers: Record<string, string>): IncomingMessage & PassThrough {
  return Object.assign(new PassThrough({ highWaterMark: 65_536 }), { headers }) as unknown as IncomingMessage & PassThrough;
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve); });
const whole = async (body: Buffer): Promise<Buffer> => body;

test('a body in pieces', async () => {
  const request = requestOf({ 'transfer-encoding': 'chunked' });
  const body = new BodyReader().with(request, whole);
  request.write('ab');
  request.end('c');
  expect((await body).toString()).toBe('abc');
});

test('a body that is announced too large is refused before it is sent', async () => {
  await expect(new BodyReader().with(requestOf({ 'content-length': String(bodyBytesMax + 1) }), whole)).rejects.toMatchObject({ kind: 'RequestEntityTooLarge' });
});

test('a body that turns out too large is refused before its end, and no longer taken', async () => {
  const request = requestOf({ 'transfer-encoding': 'chunked' });
  const body = new BodyReader().with(request, whole);
  request.write(Buffer.alloc(bodyBytesMax));
  request.write('x');
  await expect(body).rejects.toMatchObject({ kind: 'RequestEntityTooLarge' });
  expect(request.listenerCount('data')).toBe(0);
});

test('one as large as the limit is read', async () => {
  const request = requestOf({ 'content-length': String(bodyBytesMax) });
  const body = new BodyReader().with(request, whole);
  request.end(Buffer.alloc(bodyBytesMax));
  expect(await body).toHaveLength(bodyBytesMax);
});

test('a sender that leaves', async () => {
  const request = requestOf({ 'content-length': '3' });
  const body = new BodyReader().with(request, whole);
  request.write('a');
  await turn();
  request.destroy();
  await expect(body).rejects.toMatchObject({ kind: 'RequestTimeout' });
});

test('all bodies together have a limit, which those that are done with no longer count for', async () => {
  const reader = new BodyReader();
  const many = Array.from({ length: bodiesBytesMax / bodyBytesMax }, () => requestOf({ 'transfer-encoding': 'chunked' }));
  const bodies = many.map((request) => reader.with(request, whole));
  const late = (): Promise<Buffer> => {
    const request = requestOf({ 'content-length': '1' });
    request.end('x');
    return reader.with(request, whole);
  };
  await expect(late()).rejects.toMatchObject({ kind: 'overload', retry: true });
  many[0]?.end('done');
  await bodies[0];
  expect((await late()).toString()).toBe('x');
  for (const request of many) request.end();
  await Promise.all(bodies);
});
