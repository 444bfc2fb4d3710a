import type { Manifest } from '../../spec/manifest.ts';
import type { SameWeights } from '../report-schema.ts';

/** Weight files as trainers write them. The tokenizer and the settings do not change in training. */
const WEIGHTS = /^data\/policy\/.*\.(safetensors|bin|pt|pth)$/;

/** Groups of policies with the same bytes: a training that changed nothing, or two arms with the same result. */
export function sameWeights(manifests: ReadonlyMap<string, Manifest>): SameWeights[] {
  const trained = [...manifests].flatMap(([name, manifest]) => {
    const weights = weightsOf(manifest);
    return weights === null ? [] : [{ name, manifest, weights }];
  });
  return [...Map.groupBy(trained, ({ weights }) => weights).values()].flatMap((group): SameWeights[] => {
    if (group.length < 2) return [];
    const stages = group.map(({ name }) => name);
    const idle = group.filter(({ manifest }) => startedFrom(manifest, group)).map(({ name }) => name);
    const same = `The policies of ${stages.join(', ')} are identical, to the last byte.`;
    const why = idle.length === 0 ? '' : ` ${idle.join(', ')} changed nothing.`;
    return [{ stages, sentence: same + why }];
  });
}

function weightsOf({ files }: Manifest): string | null {
  const weights = files.filter(({ path }) => WEIGHTS.test(path));
  return weights.length === 0
    ? null
    : JSON.stringify(weights.map(({ path, sha256 }) => `${path} ${sha256}`).toSorted());
}

/** Whether a stage started from the policy of one of these. */
const startedFrom = ({ inputs }: Manifest, others: readonly { readonly manifest: Manifest }[]): boolean =>
  others.some(({ manifest }) => manifest.digest === inputs.policy?.digest);
