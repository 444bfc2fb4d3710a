export { temporalOwners } from './owners.ts';
export { describeSubject, type Machine, type Reconciliation, reconcile } from './reconcile.ts';
export { type ReconcilerOptions, startReconciler } from './start.ts';
