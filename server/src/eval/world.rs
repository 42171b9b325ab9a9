//! Worlds of everyday memory: what one agent remembers after months, and what is asked of it.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, ensure};
use cortexkg_engine::Timestamp;
use cortexkg_engine::request::Store;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// As a file holds it.
#[derive(Debug, Deserialize)]
pub struct Published {
    name: String,
    memories: Vec<Told>,
    questions: Vec<Asked>,
}

#[derive(Debug, Deserialize)]
struct Told {
    id: String,
    at: String,
    text: String,
    #[serde(default)]
    tags: Vec<String>,
    context: Option<String>,
    supersedes: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Asked {
    q: String,
    r#type: String,
    gold: Vec<String>,
    #[serde(default)]
    stale: Vec<String>,
}

/// One world.
#[derive(Debug)]
pub struct World {
    /// As the file calls itself.
    pub name: String,
    /// Oldest first.
    pub memories: Vec<Store>,
    /// For every memory the older one that it takes the place of.
    pub supersedes: Vec<Option<usize>>,
    /// In the order they are asked.
    pub questions: Vec<Question>,
}

/// One question; memories are numbers in `World::memories`.
#[derive(Debug, PartialEq)]
pub struct Question {
    /// As it is asked.
    pub text: String,
    /// Its kind.
    pub kind: String,
    /// Memories that answer it; none where nothing does.
    pub gold: Vec<usize>,
    /// Memories that once did.
    pub stale: Vec<usize>,
}

impl World {
    /// Looks every name up.
    pub fn of(published: Published) -> anyhow::Result<World> {
        let Published { name, memories, questions } = published;
        let number: HashMap<String, usize> =
            memories.iter().enumerate().map(|(at, told)| (told.id.clone(), at)).collect();
        ensure!(number.len() == memories.len(), "two memories have the same id");
        let find =
            |id: &String| number.get(id).copied().with_context(|| format!("no memory is called {id:?}"));
        let list = |ids: &[String]| ids.iter().map(find).collect::<anyhow::Result<Vec<usize>>>();
        let supersedes = memories.iter().map(|told| told.supersedes.as_ref().map(find).transpose());
        let supersedes = supersedes.collect::<anyhow::Result<Vec<_>>>()?;
        let memories = memories.into_iter().map(Told::store).collect::<anyhow::Result<Vec<_>>>()?;
        let question = |asked: Asked| -> anyhow::Result<Question> {
            let told = || format!("question {:?}", asked.q);
            let (gold, stale) =
                (list(&asked.gold).with_context(told)?, list(&asked.stale).with_context(told)?);
            Ok(Question { text: asked.q, kind: asked.r#type, gold, stale })
        };
        let questions = questions.into_iter().map(question).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(World { name, memories, supersedes, questions })
    }

    /// Whether one of two memories came to stand for the other, over any number of changes.
    pub fn declares(&self, one: usize, other: usize) -> bool {
        self.ancestors(one).contains(&other) || self.ancestors(other).contains(&one)
    }

    /// Whether two memories say the same: they read alike, or both are asked for by a question that has one answer.
    pub fn repeats(&self, one: usize, other: usize) -> bool {
        let words = |at: usize| {
            let text = self.memories[at].content.to_lowercase();
            text.split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let several = |kind: &str| matches!(kind, "twohop" | "list");
        let both = |asked: &Question| asked.gold.contains(&one) && asked.gold.contains(&other);
        words(one) == words(other) || self.questions.iter().any(|asked| !several(&asked.kind) && both(asked))
    }

    fn ancestors(&self, of: usize) -> HashSet<usize> {
        let mut found = HashSet::new();
        let mut next = self.supersedes[of];
        while let Some(at) = next {
            if !found.insert(at) {
                break;
            }
            next = self.supersedes[at];
        }
        found
    }
}

impl Told {
    fn store(self) -> anyhow::Result<Store> {
        let at = OffsetDateTime::parse(&self.at, &Rfc3339)
            .with_context(|| format!("memory {:?}: at must be a date-time", self.id))?;
        let micros = i64::try_from(at.unix_timestamp_nanos() / 1_000).context("at lies too far away")?;
        Ok(Store {
            content: self.text,
            context: self.context.filter(|context| !context.is_empty()),
            tags: self.tags,
            occurred_at: Some(Timestamp(micros)),
            ..Store::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) const SMALL: &str = r#"{"name":"w","about":"a","memories":[
        {"id":"m0","at":"2026-03-01T09:00:00Z","text":"Nils drives a red van.","tags":["car"]},
        {"id":"m1","at":"2026-03-02T09:00:00Z","text":"Nils now drives a blue van.","supersedes":"m0","context":"talk"},
        {"id":"m2","at":"2026-03-03T09:00:00Z","text":"Nils now drives a green van.","supersedes":"m1"},
        {"id":"m3","at":"2026-03-04T09:00:00Z","text":"nils drives a red van"},
        {"id":"m4","at":"2026-03-05T09:00:00Z","text":"Ida keeps bees."}],
      "questions":[
        {"q":"What does Nils drive?","type":"update_current","gold":["m2"],"stale":["m0","m1"],"why":""},
        {"q":"Who drives and who keeps bees?","type":"list","gold":["m2","m4"],"why":""},
        {"q":"Who has a boat?","type":"unanswerable","gold":[],"why":""}]}"#;

    fn world(text: &str) -> anyhow::Result<World> {
        World::of(serde_json::from_str(text)?)
    }

    #[test]
    fn memories_are_stored_as_a_client_would() {
        let world = world(SMALL).unwrap();
        assert_eq!((world.memories.len(), world.questions.len()), (5, 3));
        let second = &world.memories[1];
        assert_eq!(second.content, "Nils now drives a blue van.");
        assert_eq!(second.context.as_deref(), Some("talk"));
        assert_eq!(second.occurred_at, Some(Timestamp(1_772_442_000_000_000)));
        assert_eq!(world.memories[0].tags, ["car"]);
        assert_eq!((&world.questions[0].gold, &world.questions[0].stale), (&vec![2], &vec![0, 1]));
        world.memories.iter().for_each(|store| store.check().unwrap());
    }

    #[test]
    fn what_the_world_declares_is_known_over_several_changes() {
        let world = world(SMALL).unwrap();
        assert!(world.declares(2, 0) && world.declares(0, 2));
        assert!(!world.declares(3, 0) && !world.declares(4, 2));
        assert!(world.repeats(3, 0), "case and full stops say nothing");
        assert!(!world.repeats(2, 4), "the answers of a list differ");
    }

    #[test]
    fn names_that_nothing_has_are_refused() {
        let bad = SMALL.replace(r#""gold":["m2","m4"]"#, r#""gold":["m9"]"#);
        assert!(format!("{:#}", world(&bad).unwrap_err()).contains("no memory is called \"m9\""));
        assert!(world(&SMALL.replace("2026-03-05T09:00:00Z", "May")).is_err());
    }
}
