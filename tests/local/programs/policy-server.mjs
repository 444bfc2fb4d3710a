// A policy server for tests: `ready [MS]` (listens after MS), `exit CODE`, or `deaf` (never listens).
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [act, code] = process.argv.slice(2);
const note = (line) => appendFileSync(join(process.env.ORRERY_STORE, 'notes.txt'), `${line}\n`);

if (act === 'exit') {
  console.error('the weights are not there');
  process.exit(Number(code));
}
if (act === 'deaf') setInterval(() => note('deaf'), 200);
if (act === 'ready') {
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    if (url.pathname === '/die') process.exit(Number(url.searchParams.get('code')));
    response.end(`pid ${process.pid}`);
  });
  process.on('SIGTERM', () => {
    note('policy server ended');
    process.exit(0);
  });
  server.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  if (code !== undefined) note('policy server begins');
  const [port, host] = [Number(process.env.ORRERY_POLICY_PORT), process.env.ORRERY_POLICY_HOST ?? '127.0.0.1'];
  setTimeout(() => server.listen(port, host, () => note('policy server ready')), Number(code ?? 0));
}
