/**
 * {@link simulatePods} as a process of its own, so that a benchmark's numbers are its worker's:
 * `node simulate-pods.ts KUBECONFIG NAMESPACE STORE SECONDS`.
 */
import { kubeConfigFrom } from '../../dev/cluster/api.ts';
import { simulatePods } from './simulated-pods.ts';

const [kubeconfig = '', namespace = '', store = '', seconds = '1'] = process.argv.slice(2);
await simulatePods({ config: kubeConfigFrom(kubeconfig), namespace, store, secondsOf: () => Number(seconds) });
console.log('ready');
process.stdin.resume().on('end', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
