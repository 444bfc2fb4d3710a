"""The word-level tokenizer of small stand-in models.

A vocabulary entry is one token: a word, or a phrase (an entry with spaces). Text is split at white space, so prompts,
steps and completions are joined by single spaces. The tokenizer itself adds ``<bos>`` in front, so TRL and the policy
server tokenize plain text in the same way. ``<eos>`` ends a completion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNKNOWN = "<pad>", "<bos>", "<eos>", "<unk>"
SPECIAL_TOKENS = (PAD, BOS, EOS, UNKNOWN)  # ids 0, 1, 2, 3 in every vocabulary


def build_tokenizer(vocabulary: list[str], context_tokens: int) -> PreTrainedTokenizerFast:
    """Build a tokenizer. Ids: special tokens first, then words, then phrases, each in the order of ``vocabulary``.

    vocabulary: words and phrases of the domain, without the special tokens.
    context_tokens: maximum length of a sequence, in tokens.
    Raises ValueError if an entry is empty, repeated or reserved, or has other spaces than single ones between words.
    """
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    _check(vocabulary)
    words = [entry for entry in vocabulary if " " not in entry]
    phrases = [entry for entry in vocabulary if " " in entry]
    ids = {word: number for number, word in enumerate([*SPECIAL_TOKENS, *words])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # A phrase includes the spaces around it, because the split at white space removes those around a word too.
    tokenizer.add_tokens([AddedToken(phrase, lstrip=True, rstrip=True, normalized=False) for phrase in phrases])
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, ids[BOS])])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNKNOWN,
        padding_side="left",
        model_max_length=context_tokens,
        clean_up_tokenization_spaces=False,
    )


def _check(vocabulary: list[str]) -> None:
    seen = set(SPECIAL_TOKENS)
    for entry in vocabulary:
        if not entry or entry != " ".join(entry.split()):
            raise ValueError(f"vocabulary: expected words joined by single spaces, but got {entry!r}")
        if entry in seen:
            raise ValueError(f"vocabulary: expected entries that differ, but got {entry!r} twice (or it is reserved)")
        seen.add(entry)
