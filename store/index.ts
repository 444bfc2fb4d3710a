export * from './canonical.ts';
export * from './claims.ts';
export * from './code-version.ts';
export * from './files.ts';
export * from './key.ts';
export * from './layout.ts';
export * from './manifests.ts';
export * from './stage-file.ts';
