/** The methods of a pino logger that k8s/ uses. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}
