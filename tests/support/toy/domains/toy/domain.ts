import { z } from 'zod';

/** A domain without a subject, for toy stage programs: only its settings and stop strings are looked at. */
export const domain = { name: 'toy', settings: z.record(z.string(), z.unknown()), stepStops: [], rewriteStops: [] };
