export * from './digests.ts';
export * from './errors.ts';
export * from './fetch.ts';
export * from './open.ts';
export * from './rules.ts';
export * from './small.ts';
export * from './yaml.ts';
