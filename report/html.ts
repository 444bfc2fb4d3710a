/** Markup that may stand in the page as it is. Anything else is escaped. */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

type Content = Markup | string | number | null | undefined | readonly Content[];

/** Template tag: what is put in is escaped unless it is {@link Markup}; lists are joined; null and undefined are nothing. */
export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(parts.reduce((text, part, at) => text + rendered(contents[at - 1]) + part));
}

/** Takes `text` for markup. Only for what a library drew or what this folder wrote. */
export const trusted = (text: string): Markup => new Markup(text);

function rendered(content: Content): string {
  if (content === null || content === undefined) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'object') return content.map(rendered).join('');
  return String(content).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
