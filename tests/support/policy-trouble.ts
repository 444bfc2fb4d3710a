import type { Instead } from './fake-policy-server.ts';

const aChoice = (fields: object = {}) => ({
  index: 0,
  text: 'a',
  finish_reason: 'stop',
  logprobs: { token_logprobs: [-1] },
  ...fields,
});
const anAnswer = (...choices: object[]): Instead => ({
  status: 200,
  body: JSON.stringify({ choices, usage: { prompt_tokens: 1, completion_tokens: 1 } }),
});

/** Bad answers to a request for two completions, and the message about each. */
export const TROUBLE: readonly { readonly name: string; readonly instead: Instead; readonly words: RegExp }[] = [
  { name: 'status 500', instead: { status: 500, body: '{"error":{"message":"CUDA error"}}' }, words: /500 CUDA error/ },
  { name: 'status 429', instead: { status: 429, body: '{}' }, words: /does not answer: 429/ },
  {
    name: 'status 502 of a proxy',
    instead: { status: 502, body: '<html>Bad Gateway' },
    words: /502 <html>Bad Gateway/,
  },
  {
    name: 'a status 400 that no policy server wrote',
    instead: { status: 400, body: '<html>what?' },
    words: /HTTP 400 <html>what/,
  },
  { name: 'a closed connection', instead: 'hang up', words: /(other side closed|ECONNRESET|socket hang up)/ },
  { name: 'half of an answer', instead: 'half', words: /its answer broke off: (other side closed|.*ECONNRESET)/ },
  { name: 'what is not JSON', instead: { status: 200, body: 'Lorem ipsum' }, words: /not a completion: .*JSON/ },
  { name: 'an empty answer', instead: { status: 200, body: '' }, words: /its answer is not a completion/ },
  { name: 'another JSON', instead: { status: 200, body: '[]' }, words: /not a completion: .*expected object/ },
  { name: 'too few choices', instead: anAnswer(aChoice()), words: /expected 2 choices, but got 1/ },
  {
    name: 'a choice twice and one not at all',
    instead: anAnswer(aChoice({ index: 1 }), aChoice({ index: 1 })),
    words: /expected each index below 2 once, but got 1, 1/,
  },
  {
    name: 'choices without log-probabilities',
    instead: anAnswer(aChoice({ logprobs: null }), aChoice({ index: 1, logprobs: null })),
    words: /choices.0.logprobs/,
  },
  {
    name: 'tokens without log-probabilities',
    instead: anAnswer(aChoice({ logprobs: { token_logprobs: [] } }), aChoice({ index: 1 })),
    words: /token_logprobs: expected one for each token of a text/,
  },
  {
    name: 'a choice that was given up',
    instead: anAnswer(aChoice({ finish_reason: 'abort' }), aChoice({ index: 1 })),
    words: /choices.0.finish_reason/,
  },
];
