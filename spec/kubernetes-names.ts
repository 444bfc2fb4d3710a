import { z } from 'zod';
import { line, matching, whole } from './fields.ts';

/**
 * Names in the formats that the Kubernetes API accepts. Source: Kubernetes, "Object Names and IDs", "Labels and
 * Selectors". Image references follow the grammar of github.com/distribution/reference.
 */

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(?:\\.${LABEL})*`;
const QUALIFIED = '[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';

/** Name of a namespace or a PersistentVolumeClaim. */
export const dnsLabel = () =>
  matching(63, new RegExp(`^${LABEL}$`), 'expected lower-case letters, digits and "-", between letters or digits');

/** Name of a PriorityClass, a Secret or a service account. */
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

/**
 * Name of a device that a device plugin offers. Names without a domain, or with the domain of Kubernetes, are not
 * extended resources.
 */
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
/** `registry.example:5000/team/image:tag@sha256:…`. Only the repository is required. */
export const imageReference = () =>
  matching(
    512,
    new RegExp(`^(?:${HOST}/)?${REPOSITORY}(?:/${REPOSITORY})*(?::${TAG})?(?:@${DIGEST})?$`),
    'expected an image, such as registry.example/team/image:tag or …@sha256:…',
  );

/** A path within a container. */
export const containerPath = () => line(1024).regex(/^\/[^:]*$/, 'expected an absolute path without ":"');

/** Node labels with the values that they must have. */
export const nodeLabels = () => withMaxEntries(z.record(labelKey(), labelValue()), 64);

export const extendedResources = () => withMaxEntries(z.record(extendedResource(), whole(1, 1_000_000)), 16);

/** A mapping with at most `most` entries. */
export const withMaxEntries = <S extends z.ZodRecord>(mapping: S, most: number): S =>
  mapping
    .refine((value) => Object.keys(value as object).length <= most, `expected at most ${most} entries`)
    .meta({ maxProperties: most });
