import { execFileSync } from 'node:child_process';
import { z } from 'zod';

/** A GPU of this machine. */
export const Gpu = z.object({
  index: z.int().min(0).describe('As nvidia-smi counts: in the order of the PCI bus.'),
  memoryGiB: z.number().min(0),
});
export type Gpu = z.infer<typeof Gpu>;

let measured: readonly Gpu[] | null = null;

/**
 * The GPUs that `nvidia-smi` lists, determined once per process; none without `nvidia-smi`. If `CUDA_VISIBLE_DEVICES`
 * is set for this process, only those that it names: a user may reserve GPUs for others.
 */
export function machineGpus(): readonly Gpu[] {
  measured ??= visibleGpus(parseGpus(askNvidiaSmi()), process.env.CUDA_VISIBLE_DEVICES);
  return measured;
}

interface ListedGpu extends Gpu {
  readonly uuid: string;
}

/**
 * @param csv - one line per GPU: index, uuid, memory in MiB, as `nvidia-smi --query-gpu=index,uuid,memory.total` prints
 *   them
 */
export function parseGpus(csv: string): ListedGpu[] {
  return csv.split('\n').flatMap((line) => {
    const [, index, uuid, mebibytes] = /^\s*(\d+), (GPU-[\w-]+), (\d+)\s*$/.exec(line) ?? [];
    return uuid === undefined ? [] : [{ index: Number(index), uuid, memoryGiB: Number(mebibytes) / 1024 }];
  });
}

/**
 * The GPUs that this process may use. Pure.
 * @param visible - value of `CUDA_VISIBLE_DEVICES`: indices or (beginnings of) uuids, separated by commas; undefined:
 *   all
 */
export function visibleGpus(gpus: readonly ListedGpu[], visible: string | undefined): Gpu[] {
  const names = visible?.split(',').map((name) => name.trim());
  const isVisible = ({ index, uuid }: ListedGpu) =>
    names === undefined || names.some((name) => name === String(index) || (name !== '' && uuid.startsWith(name)));
  return gpus.filter(isVisible).map(({ index, memoryGiB }) => ({ index, memoryGiB }));
}

function askNvidiaSmi(): string {
  const query = ['--query-gpu=index,uuid,memory.total', '--format=csv,noheader,nounits'];
  try {
    return execFileSync('nvidia-smi', query, {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}
