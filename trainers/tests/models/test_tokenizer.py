import pytest

from orrery_trainers.models.tokenizer import build_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(["Use", "3", "to", ":", "Final answer:", "But wait, is it right?"], 128)


def test_words_and_whole_phrases_are_single_tokens_after_bos(tokenizer):
    ids = tokenizer("Use 3 : But wait, is it right? Final answer: 3").input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == [
        "<bos>", "Use", "3", ":", "But wait, is it right?", "Final answer:", "3",
    ]  # fmt: skip


def test_encoding_and_decoding_returns_the_same_text(tokenizer):
    text = "Use 3 : But wait, is it right? Final answer: 3"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_a_word_outside_the_vocabulary_is_unknown_and_not_padding(tokenizer):
    assert tokenizer("Use 4").input_ids[-1] == tokenizer.unk_token_id != tokenizer.pad_token_id


def test_a_saved_and_loaded_tokenizer_gives_the_same_tokens(tokenizer, tmp_path):
    from transformers import AutoTokenizer

    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded("Use 3 : Final answer: 3").input_ids == tokenizer("Use 3 : Final answer: 3").input_ids
    assert (loaded.padding_side, loaded.model_max_length, loaded.eos_token) == ("left", 128, "<eos>")


@pytest.mark.parametrize("vocabulary", [["a", "a"], ["<eos>"], [""], ["two  spaces"], [" edge"]])
def test_a_vocabulary_that_cannot_be_tokens_is_refused(vocabulary):
    with pytest.raises(ValueError, match="vocabulary"):
        build_tokenizer(vocabulary, 128)
