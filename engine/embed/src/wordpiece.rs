//! Uncased BERT WordPiece, fast: the tokens of `BertNormalizer` (clean, Chinese characters apart, accents stripped, lower
//! case), `BertPreTokenizer` and `WordPiece` of the `tokenizers` crate, id for id, at several times its speed.
//!
//! Why a second one: a static table spends nearly all of its time here, and most of that crate's time goes into offsets
//! nobody reads. A run of ASCII between white space is cut by a byte table and matched in place. A run with anything
//! else in it is normalised and split by the `tokenizers` crate itself, so Unicode is never interpreted twice; every
//! rule of the pipeline looks at one character at a time or at a combining sequence, and neither reaches across ASCII
//! white space. The tests hold both to the crate's own result.

use std::path::Path;

use rustc_hash::FxHashMap;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

use crate::Error;

/// A word of more characters than this is unknown as a whole, as in BERT.
const WORD_CHARS_MAX: usize = 100;

/// What an ASCII byte does to the word being read.
#[derive(Clone, Copy, PartialEq)]
enum Class {
    /// Belongs to a word.
    Word,
    /// A token of its own.
    Punctuation,
    /// Dropped as if it were not there (control characters; not tab, newline, carriage return, which end a run).
    Dropped,
}

const CLASSES: [Class; 128] = {
    let mut classes = [Class::Word; 128];
    let mut byte = 0;
    while byte < 128u8 {
        if byte.is_ascii_punctuation() {
            classes[byte as usize] = Class::Punctuation;
        } else if byte.is_ascii_control() {
            classes[byte as usize] = Class::Dropped;
        }
        byte += 1;
    }
    classes
};

/// Tokens of one kind (word beginnings, or continuations) by their bytes.
#[derive(Default)]
struct Pieces {
    ids: FxHashMap<Box<[u8]>, u32>,
    len_max: usize,
}

impl Pieces {
    fn insert(&mut self, piece: &str, id: u32) -> Option<u32> {
        self.len_max = self.len_max.max(piece.len());
        self.ids.insert(piece.as_bytes().into(), id)
    }

    /// Length and id of the longest piece that `text` begins with.
    fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        (1..=text.len().min(self.len_max)).rev().find_map(|len| Some((len, *self.ids.get(&text[..len])?)))
    }
}

/// The tokenizer: a vocabulary and the two ways through it.
pub(crate) struct WordPiece {
    beginnings: Pieces,
    continuations: Pieces,
    unknown: u32,
    len: usize,
}

/// What is written to while a text is read; kept between texts to spare allocations.
#[derive(Default)]
pub(crate) struct Scratch {
    word: Vec<u8>,
}

impl WordPiece {
    /// Reads a BERT vocabulary: one token a line, its id the line's number from 0, continuations with `##` in front.
    ///
    /// # Errors
    /// Text that is not UTF-8, a repeated token, no `[UNK]`. `origin` is named in them.
    pub(crate) fn from_vocabulary(vocabulary: &[u8], origin: &Path) -> Result<Self, Error> {
        let text = std::str::from_utf8(vocabulary).map_err(|e| Error::malformed(origin, e))?;
        let (mut beginnings, mut continuations) = (Pieces::default(), Pieces::default());
        let mut len = 0;
        for (line, token) in text.lines().enumerate() {
            let token = token.trim_end();
            let id = u32::try_from(line).map_err(|_| Error::malformed(origin, "more than 2^32 tokens"))?;
            let earlier = match token.strip_prefix("##") {
                // "##" followed by nothing, and a lone "#", are ordinary tokens of punctuation.
                Some(rest) if !rest.is_empty() => continuations.insert(rest, id),
                _ => beginnings.insert(token, id),
            };
            if let Some(earlier) = earlier {
                return Err(Error::field(
                    origin,
                    format!("line {}", line + 1),
                    "a token that has not been seen",
                    format!("{token:?}, as on line {}", earlier + 1),
                ));
            }
            len = line + 1;
        }
        let unknown = *beginnings
            .ids
            .get(b"[UNK]".as_slice())
            .ok_or_else(|| Error::field(origin, "[UNK]", "a token of this name", "none"))?;
        Ok(Self { beginnings, continuations, unknown, len })
    }

    /// Number of tokens; every id is below it.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The id of words that cannot be put together from the vocabulary.
    pub(crate) fn unknown(&self) -> u32 {
        self.unknown
    }

    /// The id of a token that stands at the beginning of a word, or of a special one.
    pub(crate) fn id(&self, token: &str) -> Option<u32> {
        self.beginnings.ids.get(token.as_bytes()).copied()
    }

    /// Appends the token ids of `text` to `ids`, without framing tokens.
    pub(crate) fn encode(&self, text: &str, scratch: &mut Scratch, ids: &mut Vec<u32>) {
        for run in text.split([' ', '\t', '\n', '\r']) {
            if run.is_ascii() {
                self.encode_ascii(run.as_bytes(), &mut scratch.word, ids);
            } else {
                self.encode_unicode(run, ids);
            }
        }
    }

    fn encode_ascii(&self, run: &[u8], word: &mut Vec<u8>, ids: &mut Vec<u32>) {
        word.clear();
        for &byte in run {
            match CLASSES[byte as usize] {
                Class::Word => word.push(byte.to_ascii_lowercase()),
                Class::Punctuation => {
                    self.match_word(word, word.len(), ids);
                    word.clear();
                    self.match_word(&[byte], 1, ids);
                }
                Class::Dropped => {}
            }
        }
        self.match_word(word, word.len(), ids);
    }

    fn encode_unicode(&self, run: &str, ids: &mut Vec<u32>) {
        let mut normalised = NormalizedString::from(run);
        BertNormalizer::default()
            .normalize(&mut normalised)
            .expect("this is a bug: the BERT normaliser has no error to give");
        let mut words = PreTokenizedString::from(normalised);
        BertPreTokenizer
            .pre_tokenize(&mut words)
            .expect("this is a bug: splitting at characters has no error to give");
        for (word, _, _) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            self.match_word(word.as_bytes(), word.chars().count(), ids);
        }
    }

    /// Greedy longest match, first piece first; a word that cannot be covered is one unknown token.
    ///
    /// A match that is whole tokens is whole characters: UTF-8 has no character that begins inside another.
    fn match_word(&self, word: &[u8], chars: usize, ids: &mut Vec<u32>) {
        if chars > WORD_CHARS_MAX {
            ids.push(self.unknown);
            return;
        }
        let start = ids.len();
        let (mut pieces, mut rest) = (&self.beginnings, word);
        while !rest.is_empty() {
            let Some((len, id)) = pieces.longest(rest) else {
                ids.truncate(start);
                ids.push(self.unknown);
                return;
            };
            ids.push(id);
            rest = &rest[len..];
            pieces = &self.continuations;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use tokenizers::models::wordpiece::WordPiece as Reference;
    use tokenizers::{Model, TokenizerBuilder};

    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\nthe\nmem\n##ory\n##o\n##r\n##y\na\n##a\nb\n##b\n##s\ne\n##e\ni\n##i\n\
        ##\u{307}\n!\n#\n'\n-\n.\n[\n]\n1\n##1\n2\n野\n口\nσ\n##σ\n##ς\nß\n##ß\n—\n«\n”\n»\nи\n##и\nй\n한\nᄒ\n##ᅡ\n##ᆫ\n\
        k\n##k\nunk\ncl\n##\nमें\n##म\nम\n™\n$\n+\n";

    /// The tokenizers crate's own pipeline and ours over the same vocabulary.
    struct Pair {
        reference: tokenizers::TokenizerImpl<
            Reference,
            BertNormalizer,
            BertPreTokenizer,
            tokenizers::PostProcessorWrapper,
            tokenizers::DecoderWrapper,
        >,
        ours: WordPiece,
    }

    static TINY: LazyLock<Pair> = LazyLock::new(|| Pair::new(VOCABULARY));
    static SHIPPED: LazyLock<Pair> = LazyLock::new(|| Pair::new(include_str!("../models/static/vocab.txt")));

    impl Pair {
        fn new(vocabulary: &str) -> Self {
            let words = Reference::read_bytes(vocabulary.as_bytes()).unwrap();
            let reference = TokenizerBuilder::new()
                .with_model(Reference::builder().vocab(words).build().unwrap())
                .with_normalizer(Some(BertNormalizer::default()))
                .with_pre_tokenizer(Some(BertPreTokenizer))
                .build()
                .unwrap();
            Self {
                reference,
                ours: WordPiece::from_vocabulary(vocabulary.as_bytes(), Path::new("test")).unwrap(),
            }
        }

        fn reference_ids(&self, text: &str) -> Vec<u32> {
            self.reference.encode_fast(text, false).unwrap().get_ids().to_vec()
        }

        fn our_ids(&self, text: &str) -> Vec<u32> {
            let mut ids = Vec::new();
            self.ours.encode(text, &mut Scratch::default(), &mut ids);
            ids
        }
    }

    #[test]
    fn cuts_words_into_the_longest_pieces() {
        assert_eq!(TINY.our_ids("The memory's"), [3, 4, 5, 21, 1]);
        assert_eq!(TINY.our_ids("memoryb memq"), [4, 5, 12, 1]);
        assert_eq!(TINY.our_ids(""), [] as [u32; 0]);
        assert_eq!(TINY.our_ids(" \t\r\n\u{a0}"), [] as [u32; 0]);
        assert_eq!(TINY.our_ids("[UNK]"), [24, 49, 25]);
    }

    #[test]
    fn agrees_with_the_tokenizers_crate_on_hostile_text() {
        let long_known = "a".repeat(100);
        let long_unknown = "a".repeat(101);
        let texts = [
            "me\u{b}mo\u{c}ry\u{0}",
            "a\u{7f}b\u{1f}a \u{1c}a",
            "MEMÓRY memo\u{301}ry mém\u{fffd}ory",
            "a \u{301}b a\u{301} \u{301}",
            "İi İ I\u{307} ıI",
            "ΣΑΣ ςσ ΑΣ.",
            "ẞ ß ﬁ Ⅷ K\u{212a}",
            "野口the里佳a",
            "\u{20000}a\u{2b81f}\u{2b820}\u{2f800}b",
            "한글 ᄒ\u{1161}\u{11ab}",
            "a\u{200b}b\u{200d}a\u{feff}b\u{ad}a\u{2060}",
            "a\u{3000}b\u{2003}a\u{85}b\u{2028}a\u{a0}b",
            "“the”—«memory»™ a’s …",
            "में मे\u{902}",
            "йи\u{306}и",
            "\u{e000}a\u{10ffff}b \u{378}a",
            "##y ##a # #a",
            "$1+1=2 `a` ^b ~a |b <a>",
            "👩‍👩‍👧a👍🏽b",
            &long_known,
            &long_unknown,
            &format!("{long_unknown} a é{long_unknown}"),
            &"é".repeat(100),
            &"é".repeat(101),
            &"ｱ\u{ff9e}".repeat(60),
        ];
        for text in texts {
            for pair in [&TINY, &SHIPPED] {
                assert_eq!(pair.our_ids(text), pair.reference_ids(text), "{text:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn agrees_on_any_text(text in any::<String>()) {
            prop_assert_eq!(TINY.our_ids(&text), TINY.reference_ids(&text));
            prop_assert_eq!(SHIPPED.our_ids(&text), SHIPPED.reference_ids(&text));
        }

        #[test]
        fn agrees_on_text_made_of_what_matters(
            parts in prop::collection::vec(prop_oneof![
                4 => prop::sample::select(VOCABULARY.lines().map(|t| t.trim_start_matches('#')).collect::<Vec<_>>())
                    .prop_map(str::to_owned),
                2 => prop::sample::select(vec![
                    " ", "\t", "\n", "\r", "\u{b}", "\u{0}", "\u{a0}", "\u{301}", "\u{307}", "\u{200d}", "\u{3000}", "A", "Σ",
                    "İ", "é", "\u{fffd}", "\u{ad}", "\u{1100}", "\u{323}",
                ]).prop_map(str::to_owned),
                1 => any::<char>().prop_map(String::from),
                1 => "[ -~]{0,6}",
            ], 0..24)
        ) {
            let text = parts.concat();
            prop_assert_eq!(TINY.our_ids(&text), TINY.reference_ids(&text), "{:?}", text);
            prop_assert_eq!(SHIPPED.our_ids(&text), SHIPPED.reference_ids(&text), "{:?}", text);
        }
    }

    #[test]
    fn a_bad_vocabulary_is_refused_with_its_line() {
        let error =
            |v: &str| WordPiece::from_vocabulary(v.as_bytes(), Path::new("v.txt")).err().unwrap().to_string();
        assert_eq!(
            error("[UNK]\na\nb\na"),
            "v.txt: line 4: expected a token that has not been seen, found \"a\", as on line 2"
        );
        assert!(error("a\nb").contains("[UNK]"));
        assert!(WordPiece::from_vocabulary(b"[UNK]\n\xff", Path::new("v.txt")).is_err());
    }

    #[test]
    fn ids_are_line_numbers() {
        for (id, token) in include_str!("../models/static/vocab.txt").lines().enumerate() {
            assert_eq!(SHIPPED.reference.get_model().token_to_id(token), Some(id as u32), "{token}");
        }
        assert_eq!(SHIPPED.ours.len(), SHIPPED.reference.get_model().get_vocab_size());
    }
}
