/**
 * Starts the bench policy server by hand, or for a benchmark of another search driver:
 *
 *     npm exec -- node bench/policy-server/main.ts --port 8000 --haste 20
 */
import { Command } from 'commander';
import { startBenchServer } from './server.ts';

const program = new Command('policy-server')
  .description('A policy server without a model: rules produce its text and its speed.')
  .option('--port <number>', 'port (default: a free one)', '0')
  .option('--haste <factor>', 'simulated milliseconds per real millisecond', '1')
  .option('--slots <sequences>', 'sequences decoded in parallel', '256')
  .parse();
const { port, haste, slots } = program.opts<{ port: string; haste: string; slots: string }>();
const server = await startBenchServer({ port: Number(port), haste: Number(haste), speed: { slots: Number(slots) } });
console.log(server.url);
process.on('SIGTERM', () => process.exit(0));
