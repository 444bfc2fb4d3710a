export * from './campaign-id.ts';
export * from './claim.ts';
export * from './holder.ts';
export * from './owner-state.ts';
export * from './queue.ts';
export * from './words.ts';
export * from './workflows.ts';
