import type { JsonLimits } from './json-limits.ts';

/**
 * Size limits of a campaign spec. A Temporal payload holds 2 MiB, and a history holds the spec several times: as input,
 * at admission, and after every continue-as-new. The most deeply nested field of the schema is at depth 8. *Ours*.
 */
export const SPEC_LIMITS: JsonLimits = { bytes: 256 * 1024, depth: 32 };
