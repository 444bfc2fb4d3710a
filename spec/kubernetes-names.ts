import { z } from 'zod';
import { line, matching, whole } from './fields.ts';

/**
 * Texts as the Kubernetes API takes them. Source: Kubernetes, "Object Names and IDs", "Labels and Selectors"; the grammar of image references
 * is that of github.com/distribution/reference.
 */

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(?:\\.${LABEL})*`;
const QUALIFIED = '[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';

/** Name of a namespace, a claim, a service account. */
export const dnsLabel = () =>
  matching(63, new RegExp(`^${LABEL}$`), 'expected lower-case letters, digits and "-", between letters or digits');

/** Name of a PriorityClass, of a Secret. */
export const dnsSubdomain = (length = 253) =>
  matching(length, new RegExp(`^${SUBDOMAIN}$`), 'expected DNS labels (lower-case letters, digits, "-") joined by "."');

/** `name` or `prefix.dns/name`. */
export const labelKey = () =>
  matching(
    317,
    new RegExp(`^(?=[^/]{1,253}/|[^/]*$)(?:${SUBDOMAIN}/)?${QUALIFIED}$`),
    'expected the key of a label, such as nvidia.com/gpu.product',
  );

export const labelValue = () =>
  matching(63, new RegExp(`^(?:${QUALIFIED})?$`), 'expected letters, digits, "-", "_", ".", at most 63');

/** Name of a device that a node plugin offers. What has no domain, or that of Kubernetes, is none. */
export const extendedResource = () =>
  matching(
    317,
    new RegExp(`^(?!requests\\.)(?!(?:[^/]*\\.)?kubernetes\\.io/)(?=[^/]{1,253}/)${SUBDOMAIN}/${QUALIFIED}$`),
    'expected the name of a device, such as rdma/hca_shared_devices_a',
  );

/** Name of an environment variable. */
export const envName = () =>
  matching(256, /^[A-Za-z_][A-Za-z0-9_]*$/, 'expected a name of letters, digits and "_", not beginning with a digit');

const HOST_PART = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const HOST = `(?:${HOST_PART}(?:\\.${HOST_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?`;
const REPOSITORY = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const TAG = '\\w[\\w.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,128}';
/** `registry.example:5000/team/image:tag@sha256:…`, all but the repository optional. */
export const imageReference = () =>
  matching(
    512,
    new RegExp(`^(?:${HOST}/)?${REPOSITORY}(?:/${REPOSITORY})*(?::${TAG})?(?:@${DIGEST})?$`),
    'expected an image, such as registry.example/team/image:tag or …@sha256:…',
  );

/** A path in a container. */
export const containerPath = () => line(1024).regex(/^\/[^:]*$/, 'expected an absolute path without ":"');

/** Labels of nodes, and what they are to be. */
export const nodeLabels = () => few(z.record(labelKey(), labelValue()), 64);

export const extendedResources = () => few(z.record(extendedResource(), whole(1, 1_000_000)), 16);

/** A mapping of at most `most` entries. */
export const few = <S extends z.ZodRecord>(mapping: S, most: number): S =>
  mapping
    .refine((value) => Object.keys(value as object).length <= most, `expected at most ${most} entries`)
    .meta({ maxProperties: most });
