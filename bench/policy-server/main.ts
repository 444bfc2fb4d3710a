/**
 * The bench policy server by hand, or for another search driver than ours to be measured on:
 *
 *     npm exec -- node bench/policy-server/main.ts --port 8000 --haste 20
 */
import { Command } from 'commander';
import { startBenchServer } from './server.ts';

const program = new Command('policy-server')
  .description('A policy server without a model: text and pace by rule.')
  .option('--port <number>', 'port; a free one when left out', '0')
  .option('--haste <factor>', 'simulated milliseconds in a real one', '1')
  .option('--slots <sequences>', 'sequences decoded side by side', '256')
  .parse();
const { port, haste, slots } = program.opts<{ port: string; haste: string; slots: string }>();
const server = await startBenchServer({ port: Number(port), haste: Number(haste), speed: { slots: Number(slots) } });
console.log(server.url);
process.on('SIGTERM', () => process.exit(0));
