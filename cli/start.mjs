/**
 * Runs main.ts with a compile cache. Node keeps compiled code there, and TypeScript without its types. Where the folder
 * is read-only, Node works without.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/orrery', import.meta.url)));
await import('./main.ts');
