import { quantity } from '../../k8s/capacity/quantity.ts';

/**
 * The patterns and ranges of the API server's validation of objects. They come from Kubernetes' own rules (apimachinery
 * validation, "Labels and Selectors", "Quantity"; Pod and Job API reference), independent of orrery's manifests.
 */
export function faultsOfObjects(object: unknown): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, at: string, value: unknown) => {
    if (!holds) faults.push(`${at}: ${JSON.stringify(value)}`);
  };
  const stack: { at: string; key: string; value: unknown }[] = [{ at: '', key: '', value: object }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { at, key, value } = next;
    if (typeof value === 'number') must(Number.isFinite(value), at, value);
    if (typeof value === 'string') must(!value.includes('\0') && value.isWellFormed(), at, value);
    RULES[key]?.(value, (holds, inner = '') => must(holds, `${at}${inner}`, value));
    if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) stack.push({ at: `${at}.${name}`, key: name, value: inner });
    }
  }
  return faults;
}

type Rule = (value: unknown, must: (holds: boolean, inner?: string) => void) => void;

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Like `IsDNS1123Subdomain`: it limits the whole name, but not its labels. */
const isSubdomain = (text: unknown) =>
  typeof text === 'string' &&
  text.length <= 253 &&
  text.split('.').every((part) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(part));
const NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;
function isQualified(text: string): boolean {
  const parts = text.split('/');
  return parts.length === 1
    ? NAME.test(text)
    : parts.length === 2 && isSubdomain(parts[0]) && NAME.test(parts[1] ?? '');
}
const isWhole = (least: number, most: number) => (value: unknown) =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const entries = (value: unknown) => Object.entries(value as Record<string, unknown>);

const labels: Rule = (value, must) => {
  for (const [name, text] of entries(value))
    must(
      isQualified(name) && typeof text === 'string' && /^$|^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(text),
      name,
    );
};
const quantities: Rule = (value, must) => {
  for (const [name, text] of entries(value)) {
    must(isQualified(name) && typeof text === 'string' && quantity(text) > 0, name);
    // Devices are counted.
    if (name.includes('/')) must(Number.isInteger(quantity(String(text))), name);
  }
};
const whole =
  (least: number, most: number): Rule =>
  (value, must) =>
    must(isWhole(least, most)(value));
const INT32 = 2 ** 31 - 1;

const RULES: Readonly<Record<string, Rule>> = {
  labels,
  matchLabels: labels,
  nodeSelector: labels,
  annotations: (value, must) => {
    for (const [name, text] of entries(value)) must(isQualified(name) && typeof text === 'string', name);
  },
  requests: quantities,
  limits: (value, must) => (typeof value === 'object' ? quantities(value, must) : undefined),
  sizeLimit: (value, must) => must(quantity(String(value)) > 0),
  image: (value, must) => must(typeof value === 'string' && /^\S+$/.test(value) && !/[;&|$`'"\\<>()]/.test(value)),
  terminationGracePeriodSeconds: whole(1, INT32),
  activeDeadlineSeconds: whole(1, INT32),
  ttlSecondsAfterFinished: whole(0, INT32),
  tolerationSeconds: whole(0, 2 ** 53),
  completions: whole(1, 100_000),
  parallelism: whole(1, 10_000),
  priorityClassName: (value, must) => must(isSubdomain(value)),
  topologyKey: (value, must) => must(isQualified(String(value))),
  subdomain: (value, must) => must(LABEL.test(String(value))),
  metadata: (value, must) => {
    const { name } = value as { name?: unknown };
    // A Service's name and a pod's hostname are labels.
    if (name !== undefined) must(LABEL.test(String(name)), '.name');
  },
  env: (value, must) => {
    for (const { name } of value as { name: string }[]) must(/^[-._a-zA-Z][-._a-zA-Z0-9]*$/.test(name), `.${name}`);
  },
  command: (value, must) => must(Array.isArray(value) && value.every((word) => typeof word === 'string')),
  tolerations: (value, must) => {
    for (const { key, operator = 'Equal', value: text, effect, tolerationSeconds } of value as Record<
      string,
      string
    >[]) {
      must(key !== undefined ? isQualified(key) : operator === 'Exists');
      must(operator !== 'Exists' || !text);
      must(tolerationSeconds === undefined || effect === 'NoExecute');
    }
  },
};
