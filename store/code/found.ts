/** What one source file says it loads, as it is written there: nothing is looked up on disk. */
export interface Found {
  /**
   * TypeScript: specifiers of imports that stay at run time. Python: dotted names of modules, relative ones with their
   * dots.
   */
  readonly imports: readonly string[];
  /** Python: `from module import name`, where the name may be a module too. */
  readonly members: readonly { readonly module: string; readonly name: string }[];
  /** Names of Python modules that are started as programs: strings such as `orrery_trainers.verdicts.verifier`. */
  readonly programs: readonly string[];
  /**
   * Files, or folders with a slash at the end, by their paths relative to the source:
   * `new URL('./phrases.json', import.meta.url)`.
   */
  readonly files: readonly string[];
  /**
   * Files or folders from the project's root that a comment `@loads …` names, with `{kind}` and `{domain}` not yet
   * filled in.
   */
  readonly declared: readonly string[];
  /** What cannot be followed by reading alone, each in words with its line. */
  readonly unfollowed: readonly string[];
}

/** A module of the Python package, all of a string. */
export const PYTHON_PROGRAM = /^orrery_trainers(?:\.[A-Za-z_]\w*)+$/;

/**
 * `// @loads domains/{domain}/domain.ts`: what the statement below it loads. `nothing` where it loads no file of the
 * project.
 */
const DECLARATION = /^[ \t]*(?:\/\/|#)[ \t]*@loads[ \t]+(.+?)[ \t]*$/gm;

/** Declarations of a text, each with the place where the statement begins that it speaks for. */
export function declarationsIn(text: string): { readonly names: readonly string[]; readonly at: number }[] {
  return [...text.matchAll(DECLARATION)].map(({ 0: line, 1: list, index }) => {
    const end = index + line.length;
    const names = list!.split(/[\s,]+/).filter((name) => name !== 'nothing');
    return { names, at: end + /^(?:\s|\/\/.*|#.*)*/.exec(text.slice(end))![0].length };
  });
}

/** The first line is 1. */
export const lineAt = (text: string, at: number): number => text.slice(0, at).split('\n').length;
