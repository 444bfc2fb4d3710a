import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';
import { readChat, withChat } from '../../stages/policy/chat.ts';

/** Like SmolLM2's template: it has its own system message, and every message starts with a begin token. */
const TEMPLATE =
  "{% for m in messages %}{% if loop.first %}{{ '<s>system\\nBe brief.</s>\\n' }}{% endif %}{{ '<s>' + m['role'] + '\\n' + m['content'] + '</s>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<s>assistant\\n' }}{% endif %}";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-chat-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (name: string, content: unknown) =>
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));

describe('the chat template of a model', () => {
  test('asks as a user, and begins the answer', async () => {
    put('chat_template.jinja', TEMPLATE);
    expect((await readChat(folder))?.('What is {{ 1 }}?')).toBe(
      '<s>system\nBe brief.</s>\n<s>user\nWhat is {{ 1 }}?</s>\n<s>assistant\n',
    );
  });

  test('may be in the settings of the tokenizer, alone or among others', async () => {
    put('tokenizer_config.json', { chat_template: '{{ messages[0].content }}:', bos_token: { content: '<s>' } });
    expect((await readChat(folder))?.('x')).toBe('x:');
    const named = { name: 'default', template: '>{{ messages[0].content }}' };
    put('tokenizer_config.json', { chat_template: [{ name: 'rag', template: '-' }, named] });
    expect((await readChat(folder))?.('x')).toBe('>x');
  });

  test('omits a first token that the tokenizer adds itself', async () => {
    put('chat_template.jinja', '{{ bos_token }}{{ messages[0].content }}');
    put('tokenizer_config.json', { bos_token: '<s>' });
    expect((await readChat(folder))?.('x')).toBe('<s>x');
    put('tokenizer.json', {
      post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<s>' } }] },
    });
    expect((await readChat(folder))?.('x')).toBe('x');
  });

  test('is null when the model has none', async () => {
    put('tokenizer_config.json', {});
    expect(await readChat(folder)).toBeNull();
  });

  test('that cannot be read or rendered is refused with a message', async () => {
    await expect(readChat(join(folder, 'gone'))).rejects.toThrow(/gone: expected the folder of the model/);
    put('chat_template.jinja', '{{ raise_exception("no users here") }}');
    await expect(readChat(folder)).rejects.toThrow(/no users here/);
    put('chat_template.jinja', '{% for m in');
    await expect(readChat(folder)).rejects.toThrow(/expected a chat template that renders a message/);
  });

  test('in malformed files is refused with the name of the file', async () => {
    put('tokenizer_config.json', '{"chat_template": ');
    await expect(readChat(folder)).rejects.toThrow(/tokenizer_config\.json: expected JSON/);
    put('tokenizer_config.json', { chat_template: 'x', bos_token: '<s>' });
    execFileSync('mkfifo', [join(folder, 'tokenizer.json')]);
    await expect(readChat(folder)).rejects.toThrow(/tokenizer\.json: expected a regular file, but it is a FIFO/);
  });
});

describe('a domain behind a chat template', () => {
  test('asks everything as a user, and continues directly after the template', async () => {
    put('chat_template.jinja', TEMPLATE);
    const math = await loadDomain('math');
    const domain = withChat(math, await readChat(folder));
    const prompt = domain.prompts.solve('1 + 1 = ?');
    expect(prompt).toContain('Problem: 1 + 1 = ?');
    expect(prompt.endsWith('</s>\n<s>assistant\n')).toBe(true);
    expect(domain.join([prompt])).toBe(prompt);
    expect(domain.join([prompt, 'One.\n\n', 'Two.'])).toBe(`${prompt}One.\n\nTwo.`);
    expect(domain.join(['One.', 'Two.'])).toBe(math.join(['One.', 'Two.']));
    expect(domain.prompts.rewrite('p', 'w', 's')).toMatch(/<s>user\n[\s\S]*Next step: s[\s\S]*<s>assistant\n$/);
    expect(domain.prompts.selfEvaluate('p', ['s'])).toMatch(/<s>user\n[\s\S]*<s>assistant\n$/);
  });

  test('is the domain itself without a template', async () => {
    const math = await loadDomain('math');
    expect(withChat(math, null)).toBe(math);
  });
});
