// The origin: says when it made what it answers, and by which configuration it was asked.
//
//   node bench/partitions/origin.mjs ADDRESS PORT
import http from 'node:http';

const [, , address, port] = process.argv;

http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=3600' });
  response.end(JSON.stringify({ atMs: Date.now(), config: Number(request.headers['x-config'] ?? -1) }));
}).listen(Number(port), address, () => process.stdout.write('ready\n'));
