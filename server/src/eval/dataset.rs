//! Evaluation files as they are: multi-hop questions over passages, LoCoMo conversations, worlds of everyday memory.
//!
//! All become the same thing: stores, each with its texts in order and questions whose gold are positions in it. How a
//! question is built must not depend on the data set beyond its kind of text: passages are `title\ntext`, turns are
//! `[date] speaker: text caption`, memories of a world are as they are.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use cortexkg_engine::request::{Kind, Place, Store};
use serde::Deserialize;

use super::cases::tenth;
use super::published;
use super::world::{self, World};

/// LoCoMo's adversarial questions ask for what was never said; they have no evidence to find.
const ADVERSARIAL: u32 = 5;

/// One file.
#[derive(Debug)]
pub struct Dataset {
    /// As the file calls itself.
    pub name: String,
    /// What it counts to where all sets count alike: worlds of everyday memory are one set.
    pub set: String,
    /// What the groups of `Question::group` are called: `by_type` or `by_category`.
    pub grouped: &'static str,
    /// Separate memories: one for all passages, or one a conversation.
    pub stores: Vec<Corpus>,
    /// Questions left out because the file names no gold for them.
    pub without_gold: u64,
}

/// Texts that are stored together, and the questions about them.
#[derive(Debug)]
pub struct Corpus {
    /// In order.
    pub texts: Vec<Store>,
    /// About these texts.
    pub questions: Vec<Question>,
}

/// One question.
#[derive(Debug)]
pub struct Question {
    /// As it is asked.
    pub text: String,
    /// Its kind in the data set.
    pub group: String,
    /// What is held out together with it: its conversation or world, or a tenth of the questions over passages.
    pub fold: String,
    /// Numbers of texts (`Corpus::first_of_equal`), without repeats, not empty.
    pub gold: Vec<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Published {
    World(world::Published),
    Set(Set),
}

#[derive(Deserialize)]
struct Set {
    name: String,
    passages: Option<Vec<Passage>>,
    questions: Option<Vec<MultiHop>>,
    convs: Option<Vec<Conversation>>,
}

#[derive(Deserialize)]
struct Passage {
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct MultiHop {
    q: String,
    r#type: String,
    gold: Vec<usize>,
}

#[derive(Deserialize)]
struct Conversation {
    id: String,
    turns: Vec<Turn>,
    qa: Vec<TurnQuestion>,
}

#[derive(Deserialize)]
struct Turn {
    id: String,
    spk: String,
    date: String,
    text: String,
    #[serde(default)]
    cap: String,
}

#[derive(Deserialize)]
struct TurnQuestion {
    q: String,
    cat: u32,
    #[serde(default)]
    ev: Vec<String>,
}

impl Corpus {
    /// For every text the position of the first one that reads the same.
    pub fn first_of_equal(&self) -> Vec<usize> {
        let mut first = HashMap::new();
        let texts = self.texts.iter().enumerate();
        texts.map(|(at, text)| *first.entry(text.content.as_str()).or_insert(at)).collect()
    }

    /// A corpus whose gold names the first of equal texts.
    fn new(texts: Vec<Store>, questions: impl Iterator<Item = Question>) -> (Corpus, u64) {
        let mut corpus = Corpus { texts, questions: Vec::new() };
        let first = corpus.first_of_equal();
        let mut without_gold = 0;
        for mut question in questions {
            question.gold.iter_mut().for_each(|at| *at = first[*at]);
            question.gold.sort_unstable();
            question.gold.dedup();
            if question.gold.is_empty() {
                without_gold += 1;
            } else {
                corpus.questions.push(question);
            }
        }
        (corpus, without_gold)
    }
}

impl Dataset {
    /// Reads a `.json` or `.json.gz` file.
    pub fn read(path: &Path) -> anyhow::Result<Dataset> {
        let published = published::read(path)?;
        Dataset::of(published).with_context(|| format!("{}", path.display()))
    }

    fn of(published: Published) -> anyhow::Result<Dataset> {
        let Set { name, passages, questions, convs } = match published {
            Published::World(published) => return Ok(Dataset::of_world(World::of(published)?)),
            Published::Set(set) => set,
        };
        // A file that calls itself by a path means the name in it.
        let name = name.rsplit('/').next().unwrap_or(&name).trim_end_matches(".gz").trim_end_matches(".json");
        let (grouped, read) = match (passages, questions, convs) {
            (Some(passages), Some(questions), None) => ("by_type", vec![multi_hop(passages, questions)?]),
            (None, None, Some(convs)) => ("by_category", convs.into_iter().map(conversation).collect()),
            _ => bail!("must hold memories and questions, passages and questions, or convs"),
        };
        let without_gold = read.iter().map(|(_, without_gold)| without_gold).sum();
        Ok(Dataset {
            name: name.to_owned(),
            set: name.to_owned(),
            grouped,
            stores: read.into_iter().map(|(corpus, _)| corpus).collect(),
            without_gold,
        })
    }

    fn of_world(world: World) -> Dataset {
        let World { name, memories, questions, .. } = world;
        let question = |asked: world::Question| Question {
            text: asked.text,
            group: asked.kind,
            fold: name.clone(),
            gold: asked.gold,
        };
        let (corpus, without_gold) = Corpus::new(memories, questions.into_iter().map(question));
        let (set, stores) = ("everyday".to_owned(), vec![corpus]);
        Dataset { name, set, grouped: "by_type", stores, without_gold }
    }
}

fn multi_hop(passages: Vec<Passage>, questions: Vec<MultiHop>) -> anyhow::Result<(Corpus, u64)> {
    let texts: Vec<_> = passages
        .into_iter()
        .map(|passage| {
            let content = format!("{}\n{}", passage.title, passage.text).trim().to_owned();
            Store { content, ..Store::default() }
        })
        .collect();
    if let Some(bad) = questions.iter().find(|question| question.gold.iter().any(|at| *at >= texts.len())) {
        bail!("gold of {:?} lies outside the {} passages", bad.q, texts.len());
    }
    let question = |(at, asked): (usize, MultiHop)| Question {
        text: asked.q,
        group: asked.r#type,
        fold: tenth(at),
        gold: asked.gold,
    };
    let questions = questions.into_iter().enumerate().map(question);
    Ok(Corpus::new(texts, questions))
}

fn conversation(conversation: Conversation) -> (Corpus, u64) {
    let Conversation { id, turns, qa } = conversation;
    let position: HashMap<String, usize> =
        turns.iter().enumerate().map(|(at, turn)| (turn.id.clone(), at)).collect();
    let mut parts: HashMap<String, u32> = HashMap::new();
    let texts = turns.into_iter().map(|turn| {
        let session = turn.id.split(':').next().unwrap_or(&turn.id);
        let sequence = format!("{id} {session}");
        let next = parts.entry(sequence.clone()).or_insert(0);
        let place = Place { sequence, part: *next, parts: None };
        *next += 1;
        Store { content: turn.content(), kind: Kind::Turn, place: Some(place), ..Store::default() }
    });
    let texts = texts.collect();
    let questions = qa.into_iter().filter(|question| question.cat != ADVERSARIAL).map(|question| {
        let gold = question.ev.iter().filter_map(|id| position.get(id).copied()).collect();
        Question { text: question.q, group: category(question.cat), fold: id.clone(), gold }
    });
    Corpus::new(texts, questions)
}

impl Turn {
    fn content(&self) -> String {
        let Turn { spk, date, text, cap, .. } = self;
        format!("[{date}] {spk}: {text} {cap}").trim_end().to_owned()
    }
}

fn category(number: u32) -> String {
    match number {
        1 => "multi-hop".into(),
        2 => "temporal".into(),
        3 => "open-domain".into(),
        4 => "single-hop".into(),
        // BEAM's and REALTALK's, numbered so that one list holds all.
        10 => "contradiction".into(),
        11 => "extraction".into(),
        12 => "instruction".into(),
        13 => "update".into(),
        14 => "multi-session".into(),
        15 => "preference".into(),
        16 | 21 => "temporal".into(),
        22 => "multi-hop".into(),
        23 => "common-sense".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> anyhow::Result<Dataset> {
        Dataset::of(serde_json::from_str(text)?)
    }

    #[test]
    fn passages_carry_their_title_and_gold_their_position() {
        let set = of(
            r#"{"name":"n","passages":[{"title":"A","text":"b"},{"title":"C","text":"d"}],
                "questions":[{"id":"1","q":"?","type":"2hop","gold":[1,0,1]},{"id":"2","q":"!","type":"2hop","gold":[]}]}"#,
        )
        .unwrap();
        assert_eq!((set.grouped, set.without_gold), ("by_type", 1));
        let corpus = &set.stores[0];
        assert_eq!(corpus.texts[1].content, "C\nd");
        assert_eq!(corpus.questions.len(), 1);
        assert_eq!((corpus.questions[0].group.as_str(), &corpus.questions[0].gold), ("2hop", &vec![0, 1]));
        assert_eq!((set.set.as_str(), corpus.questions[0].fold.as_str()), ("n", "tenth 0"));
    }

    #[test]
    fn turns_carry_date_speaker_caption_and_place() {
        let set = of(r#"{"name":"n","convs":[{"id":"c","turns":[
                {"id":"D1:1","spk":"Ann","date":"8 May","text":"Hi","cap":""},
                {"id":"D1:2","spk":"Bob","date":"8 May","text":"Look","cap":"a cat"},
                {"id":"D2:1","spk":"Ann","date":"9 May","text":"Yo","cap":""}],
              "qa":[{"q":"a","a":"x","cat":4,"ev":["D2:1","D9:9"]},{"q":"b","a":"x","cat":5,"ev":["D1:1"]},
                    {"q":"c","a":"x","cat":1,"ev":[]}]}]}"#)
        .unwrap();
        let corpus = &set.stores[0];
        assert_eq!(corpus.texts[0].content, "[8 May] Ann: Hi");
        assert_eq!(corpus.texts[1].content, "[8 May] Bob: Look a cat");
        let place = corpus.texts[2].place.as_ref().unwrap();
        assert_eq!((place.sequence.as_str(), place.part), ("c D2", 0));
        assert_eq!(corpus.texts[1].place.as_ref().unwrap().part, 1);
        assert_eq!(
            corpus.questions.len(),
            1,
            "adversarial questions and those without evidence are left out"
        );
        assert_eq!(corpus.questions[0].group, "single-hop");
        assert_eq!((&corpus.questions[0].gold, set.without_gold), (&vec![2], 1));
    }

    #[test]
    fn a_world_is_one_fold_of_the_set_of_worlds() {
        let set = of(r#"{"name":"w","memories":[{"id":"m","at":"2026-03-01T09:00:00Z","text":"A fact."}],
                "questions":[{"q":"?","type":"direct","gold":["m"]},{"q":"!","type":"unanswerable","gold":[]}]}"#)
        .unwrap();
        assert_eq!((set.name.as_str(), set.set.as_str(), set.without_gold), ("w", "everyday", 1));
        assert_eq!(set.stores[0].questions[0].fold, "w");
        assert!(set.stores[0].texts[0].occurred_at.is_some());
    }

    #[test]
    fn a_passage_without_a_title_is_its_text_and_a_path_is_no_name() {
        let set =
            of(r#"{"name":"/a/b/talk.json.gz","passages":[{"title":"","text":"A fact."}],"questions":[]}"#);
        let set = set.unwrap();
        assert_eq!((set.name.as_str(), set.stores[0].texts[0].content.as_str()), ("talk", "A fact."));
    }

    #[test]
    fn gold_names_the_first_of_equal_texts() {
        let set = of(
            r#"{"name":"n","passages":[{"title":"A","text":"b"},{"title":"C","text":"d"},{"title":"A","text":"b"}],
                "questions":[{"q":"?","type":"t","gold":[2,0,1]}]}"#,
        )
        .unwrap();
        assert_eq!(set.stores[0].questions[0].gold, [0, 1]);
        assert_eq!(set.stores[0].first_of_equal(), [0, 1, 0]);
    }

    #[test]
    fn other_files_are_refused() {
        assert!(of(r#"{"name":"n"}"#).is_err());
        let outside = r#"{"name":"n","passages":[],"questions":[{"q":"?","type":"t","gold":[0]}]}"#;
        assert!(of(outside).unwrap_err().to_string().contains("lies outside the 0 passages"));
    }
}
