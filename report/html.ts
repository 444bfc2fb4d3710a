/** Markup that goes into the page unchanged. Everything else is escaped. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Content = Markup | string | number | null | undefined | readonly Content[];

/**
 * Template tag. Inserted values are escaped unless they are {@link Markup}; lists are joined; null and undefined become
 * nothing.
 */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(parts.reduce((text, part, at) => text + rendered(contents[at - 1]) + part));
}

/** Marks `text` as markup. Only for text that a library drew or that this folder wrote. */
export const trusted = (text: string): Markup => new Markup(text);

function rendered(content: Content): string {
  if (content === null || content === undefined) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'object') return content.map(rendered).join('');
  return String(content).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
