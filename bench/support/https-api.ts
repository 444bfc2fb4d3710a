/**
 * A small API server for bench/kubernetes-connections.ts, in its own process: `node https-api.ts`. Prints its address
 * and the file of its certificate authority as one line of JSON, and ends with its stdin.
 */
import { startHttps, testAuthority } from '../../tests/support/https-server.ts';

const authority = testAuthority();
const job = JSON.stringify({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'one' } });
const { origin } = await startHttps(authority, (_, response) => {
  response.setHeader('content-type', 'application/json').end(job);
});
console.log(JSON.stringify({ origin, caFile: authority.caFile }));
process.stdin.resume().on('end', () => {
  authority[Symbol.dispose]();
  process.exit(0);
});
