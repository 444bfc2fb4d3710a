export * from './campaign-id.ts';
export * from './claim.ts';
export * from './describe.ts';
export * from './owner-state.ts';
export * from './queue.ts';
export * from './queue-owner.ts';
export * from './workflows.ts';
