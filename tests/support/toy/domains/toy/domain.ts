import { z } from 'zod';

/** A domain without a subject, for toy stage programs: only its settings are looked at. */
export const domain = { name: 'toy', settings: z.record(z.string(), z.unknown()) };
