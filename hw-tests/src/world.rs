//! A world of made-up towns and people, as texts and questions, and an engine that remembers it.

use std::path::Path;

use cortexkg_compute::{DeviceOptions, Draw};
use cortexkg_engine::answer::Retrieved;
use cortexkg_engine::request::{Analysis, Analyze, Delete, Retrieve, Store, Update};
use cortexkg_engine::{Call, Config, EngineHandle, Error, MemoryId};

/// Texts of an import.
pub fn memories() -> usize {
    let given = std::env::var("CORTEXKG_HW_MEMORIES").ok();
    given.map_or(400, |text| text.parse().expect("CORTEXKG_HW_MEMORIES is a number"))
}

/// An engine on a device, with what else is as the product has it but for learning, which would make answers depend on their order.
pub fn engine(folder: &Path, device: DeviceOptions) -> EngineHandle {
    let DeviceOptions { choice, memory_bytes_max, threads, .. } = device;
    let config = Config {
        device_under_test: Some(choice),
        device_bytes_max: memory_bytes_max,
        threads,
        learn_from_recall: false,
        ..Config::at(folder)
    };
    EngineHandle::open(config).expect("a new folder opens")
}

const TRADES: [&str; 6] =
    ["glass blower", "bell founder", "ferryman", "map maker", "salt trader", "lens grinder"];
const THINGS: [&str; 6] =
    ["lighthouse", "salt market", "clock tower", "rope bridge", "copper mine", "herring fleet"];

fn name(draw: &mut Draw, syllables: usize) -> String {
    const SYLLABLES: [&str; 12] =
        ["bra", "mor", "quil", "zor", "tel", "van", "esh", "dun", "kor", "lim", "os", "fen"];
    let name: String = (0..syllables).map(|_| SYLLABLES[draw.below(SYLLABLES.len())]).collect();
    name[..1].to_uppercase() + &name[1..]
}

/// Texts about people and towns, each naming another, and questions over one or two steps.
pub struct World {
    draw: Draw,
    towns: Vec<String>,
    people: Vec<String>,
}

impl World {
    /// Always the same for a seed.
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let towns = (0..60).map(|_| name(&mut draw, 3)).collect();
        let people = (0..200).map(|_| name(&mut draw, 2) + " " + &name(&mut draw, 3)).collect();
        World { draw, towns, people }
    }

    fn town(&mut self) -> String {
        self.towns[self.draw.below(self.towns.len())].clone()
    }

    fn person(&mut self) -> String {
        self.people[self.draw.below(self.people.len())].clone()
    }

    /// One more text.
    pub fn text(&mut self) -> Store {
        let thing = THINGS[self.draw.below(THINGS.len())];
        let content = match self.draw.below(3) {
            0 => {
                let (person, trade) = (self.person(), TRADES[self.draw.below(TRADES.len())]);
                format!("{person}\n{person} is a {trade} who was born in {}.", self.town())
            }
            1 => {
                let town = self.town();
                format!("{town}\n{town} is known for its {thing}, not far from {}.", self.town())
            }
            _ => format!("{} met {} at the {thing} of {}.", self.person(), self.person(), self.town()),
        };
        Store { content, ..Store::default() }
    }

    /// A question that some texts may answer.
    pub fn question(&mut self) -> Retrieve {
        let query = match self.draw.below(3) {
            0 => format!("What is the town known for where {} was born?", self.person()),
            1 => format!("Who was born in {}?", self.town()),
            _ => format!("Where did {} meet {}?", self.person(), self.person()),
        };
        Retrieve { query, threshold: Some(0.0), include_reasoning: true, ..Retrieve::default() }
    }

    /// A whole import: texts in batches.
    pub fn import(&mut self, engine: &EngineHandle, count: usize) -> Result<Vec<MemoryId>, Error> {
        let mut ids = Vec::new();
        while ids.len() < count {
            let texts: Vec<Store> = (0..64.min(count - ids.len())).map(|_| self.text()).collect();
            for stored in engine.store_batch(texts, Call::default()).wait()? {
                ids.push(stored?.id);
            }
        }
        Ok(ids)
    }

    /// Many recalls, all at once, so that they are played as lanes of one batch.
    pub fn recalls(&mut self, engine: &EngineHandle, count: usize) -> Result<Vec<Answer>, Error> {
        let questions: Vec<Retrieve> = (0..count).map(|_| self.question()).collect();
        let tickets: Vec<_> =
            questions.into_iter().map(|question| engine.retrieve(question, Call::default())).collect();
        tickets.into_iter().map(|ticket| ticket.wait().map(Answer::from)).collect()
    }

    /// Changes some of what is remembered and forgets some; gives what is left.
    pub fn change(&mut self, engine: &EngineHandle, ids: Vec<MemoryId>) -> Result<Vec<MemoryId>, Error> {
        let mut left = Vec::new();
        for (place, id) in ids.into_iter().enumerate() {
            match place % 10 {
                3 => {
                    engine
                        .delete(Delete { id, force: true, cleanup: Default::default() }, Call::default())
                        .wait()?;
                }
                7 => {
                    let content = Some(self.text().content);
                    let update = Update { content, ..Update::of(id) };
                    left.push(id);
                    engine.update(update, Call::default()).wait()?;
                }
                _ => left.push(id),
            }
        }
        Ok(left)
    }
}

/// What a recall says, to the bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer(Vec<(MemoryId, u32, Option<u32>)>);

impl From<Retrieved> for Answer {
    fn from(recalled: Retrieved) -> Self {
        let bits = |recalled: cortexkg_engine::answer::Recalled| {
            (recalled.memory.id, recalled.score.to_bits(), recalled.first_spike_ms.map(f32::to_bits))
        };
        Answer(recalled.memories.into_iter().map(bits).collect())
    }
}

impl Answer {
    /// Memories that were recalled.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Analyses of everything that is remembered.
pub fn analyze(engine: &EngineHandle) -> Result<(), Error> {
    for analysis in [
        Analysis::Connectivity,
        Analysis::Centrality,
        Analysis::Clustering,
        Analysis::PathwayEfficiency,
        Analysis::SynapticStrength,
        Analysis::MemoryIntegrity,
    ] {
        let request = Analyze { analysis, memory_ids: Vec::new(), include_pathways: true, max_depth: 10 };
        engine.analyze(request, Call::default()).wait()?;
    }
    Ok(())
}
