//! `cortexkg recall`: ask the folder, see what is remembered and which way the spikes went.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use cortexkg_engine::answer::{Recalled, Retrieved, StepNode};
use cortexkg_engine::request::{Retrieve, Strategy};
use cortexkg_engine::{Call, MemoryId};
use serde_json::{Value, json};

use super::export::{rfc3339, shortest};
use super::{print, print_json};
use crate::engine::Engine;
use crate::percentile::round;
use crate::settings::Settings;

/// Arguments of `recall`.
#[derive(Args)]
pub struct RecallArgs {
    /// What to look for.
    query: String,
    /// At most this many memories, 1 to 100.
    #[arg(long, default_value_t = Retrieve::default().limit)]
    limit: u32,
    /// Leave out memories scoring below, 0 to 1.
    #[arg(long)]
    threshold: Option<f32>,
    /// How to rank.
    #[arg(long, value_enum, default_value_t = StrategyWord::HybridApproach)]
    strategy: StrategyWord,
    /// Only memories with this tag; may be repeated.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Draw the path of the spikes.
    #[arg(long)]
    explain: bool,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Strategies by the names that MCP uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum StrategyWord {
    /// Cosine similarity alone.
    SemanticSimilarity,
    /// Entities shared with the query.
    StructuralMatching,
    /// Drawn towards the times that the query names.
    TemporalProximity,
    /// Lexical and vector seeds, spiking spread.
    HybridApproach,
    /// Spread from the few strongest seeds.
    SpreadingActivation,
}

impl StrategyWord {
    fn strategy(self) -> Strategy {
        match self {
            StrategyWord::SemanticSimilarity => Strategy::SemanticSimilarity,
            StrategyWord::StructuralMatching => Strategy::StructuralMatching,
            StrategyWord::TemporalProximity => Strategy::TemporalProximity,
            StrategyWord::HybridApproach => Strategy::HybridApproach,
            StrategyWord::SpreadingActivation => Strategy::SpreadingActivation,
        }
    }
}

/// Asks once.
pub fn run(settings: Settings, args: &RecallArgs) -> anyhow::Result<ExitCode> {
    let request = Retrieve {
        query: args.query.clone(),
        limit: args.limit,
        threshold: args.threshold,
        include_reasoning: args.explain || args.json,
        tag_filter: args.tag.clone(),
        time_range: None,
        strategy: args.strategy.strategy(),
    };
    // Before the folder is opened, and made if it is not there.
    request.check()?;
    let engine = Engine::open(&settings)?;
    let begun = Instant::now();
    let found = engine.retrieve(request, Call { may_learn: true, ..Call::default() }).wait()?;
    let took_ms = round(begun.elapsed().as_secs_f64() * 1e3, 3);
    if args.json {
        print_json(&as_json(&found, took_ms))?;
    } else {
        let mut text = as_text(&found, took_ms);
        if args.explain {
            let words = words(&engine, &found)?;
            text.push_str(&Branch::of(&found.memories).drawn(&words));
        }
        print(&text)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn as_json(found: &Retrieved, took_ms: f64) -> Value {
    json!({
        "memories": found.memories.iter().map(memory_json).collect::<Vec<_>>(),
        "took_ms": took_ms,
        "strategy": format!("{:?}", found.strategy),
        "total_found": found.total_found,
        "searched": found.searched,
        "query_entities": found.query_entities,
        "query_times": found.query_times,
        "nodes_fired": found.nodes_fired,
        "hops_max": found.hops_max,
        "sequence": found.sequence,
    })
}

fn memory_json(recalled: &Recalled) -> Value {
    let memory = &recalled.memory;
    let path = recalled.path.iter().map(|step| match &step.node {
        StepNode::Memory(id) => json!({ "memory": id.to_string(), "spike_ms": shortest(step.spike_ms) }),
        StepNode::Entity(name) => json!({ "entity": name, "spike_ms": shortest(step.spike_ms) }),
    });
    let mut object = json!({
        "id": memory.id.to_string(),
        "content": memory.content,
        "score": shortest(recalled.score),
        "path": path.collect::<Vec<_>>(),
        "confidence": shortest(memory.confidence),
        "tags": memory.tags,
        "created_at": rfc3339(memory.created_at),
    });
    let optional = [
        ("first_spike_ms", recalled.first_spike_ms.map(shortest).map(Value::from)),
        ("similarity", recalled.similarity.map(shortest).map(Value::from)),
        ("context", memory.context.clone().map(Value::from)),
        ("source", memory.source.clone().map(Value::from)),
        ("occurred_at", memory.occurred_at.and_then(rfc3339).map(Value::from)),
        ("sequence", memory.place.as_ref().map(|place| place.sequence.clone().into())),
        ("part", memory.place.as_ref().map(|place| place.part.into())),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    if !recalled.duplicates.is_empty() {
        let ids: Vec<_> = recalled.duplicates.iter().map(MemoryId::to_string).collect();
        object["duplicates"] = ids.into();
    }
    object
}

fn as_text(found: &Retrieved, took_ms: f64) -> String {
    if found.memories.is_empty() {
        return format!("nothing found among {} memories in {took_ms} ms\n", found.searched);
    }
    let mut text = String::new();
    for (rank, recalled) in found.memories.iter().enumerate() {
        let memory = &recalled.memory;
        let spike = recalled.first_spike_ms.map_or(String::new(), |at| format!("  spike {at:.1} ms"));
        let from = memory.source.as_ref().map_or(String::new(), |source| format!("  from {source}"));
        text.push_str(&format!("{:>3}. {}  score {:.2}{spike}{from}\n", rank + 1, memory.id, recalled.score));
        for line in memory.content.lines() {
            text.push_str(&format!("     {line}\n"));
        }
    }
    let shown = found.memories.len();
    text.push_str(&format!(
        "{shown} of {} found in {took_ms} ms ({:?})\n",
        found.total_found, found.strategy
    ));
    text
}

/// The beginnings of all memories on the paths.
fn words(engine: &Engine, found: &Retrieved) -> anyhow::Result<HashMap<MemoryId, String>> {
    let mut words: HashMap<MemoryId, String> = found
        .memories
        .iter()
        .map(|recalled| (recalled.memory.id, beginning(&recalled.memory.content)))
        .collect();
    for step in found.memories.iter().flat_map(|recalled| &recalled.path) {
        if let StepNode::Memory(id) = step.node
            && !words.contains_key(&id)
        {
            words.insert(id, beginning(&engine.get(id, Call::default()).wait()?.content));
        }
    }
    Ok(words)
}

fn beginning(content: &str) -> String {
    let line: String = content.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 60 { line } else { line.chars().take(59).chain(['…']).collect() }
}

/// Paths that begin alike, drawn once: a tree from the query to the memories.
#[derive(Default)]
struct Branch {
    children: Vec<(StepNode, f32, Branch)>,
}

impl Branch {
    fn of(memories: &[Recalled]) -> Branch {
        let mut root = Branch::default();
        for recalled in memories {
            let mut here = &mut root;
            for step in &recalled.path {
                let at =
                    here.children.iter().position(|(node, ..)| *node == step.node).unwrap_or_else(|| {
                        here.children.push((step.node.clone(), step.spike_ms, Branch::default()));
                        here.children.len() - 1
                    });
                here = &mut here.children[at].2;
            }
        }
        root
    }

    fn drawn(&self, words: &HashMap<MemoryId, String>) -> String {
        if self.children.is_empty() {
            return "no spikes travelled: this strategy does not spread\n".into();
        }
        let mut text = String::from("\nquery\n");
        self.draw("", words, &mut text);
        text
    }

    fn draw(&self, indent: &str, words: &HashMap<MemoryId, String>, text: &mut String) {
        for (at, (node, spike_ms, branch)) in self.children.iter().enumerate() {
            let (arm, below) =
                if at + 1 == self.children.len() { ("└─▶", "    ") } else { ("├─▶", "│   ") };
            let node = match node {
                StepNode::Entity(name) => format!("entity \"{name}\""),
                StepNode::Memory(id) => {
                    let words = words.get(id).map_or(String::new(), |words| format!(" \"{words}\""));
                    format!("memory {id}{words}")
                }
            };
            text.push_str(&format!("{indent}{arm} {node} {spike_ms:.1} ms\n"));
            branch.draw(&format!("{indent}{below}"), words, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortexkg_engine::answer::{Memory, Role, Step};
    use cortexkg_engine::request::Kind;
    use cortexkg_engine::{ColumnId, Timestamp};

    fn recalled(id: u64, content: &str, path: Vec<Step>) -> Recalled {
        let memory = Memory {
            id: MemoryId(id),
            content: content.into(),
            context: None,
            source: Some("atlas".into()),
            confidence: 0.8,
            importance: None,
            tags: vec![],
            kind: Kind::Passage,
            place: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            occurred_at: None,
            version: 1,
            column: ColumnId(0),
            role: Role::Founder,
            superseded_by: None,
            entities: vec![],
        };
        let first_spike_ms = path.last().map(|step| step.spike_ms);
        Recalled { memory, score: 0.5, similarity: None, first_spike_ms, path, duplicates: vec![] }
    }

    fn spike(node: StepNode, spike_ms: f32) -> Step {
        Step { node, spike_ms }
    }

    #[test]
    fn paths_that_begin_alike_are_one_branch() {
        let entity = || spike(StepNode::Entity("Port Blair".into()), 3.2);
        let memory = |id, at| spike(StepNode::Memory(MemoryId(id)), at);
        let memories = [
            recalled(1, "Port Blair\nis a capital.", vec![entity(), memory(1, 4.0)]),
            recalled(2, "Other", vec![entity(), memory(2, 5.5)]),
            recalled(3, "Seed", vec![memory(3, 2.0)]),
        ];
        let words = memories.iter().map(|r| (r.memory.id, beginning(&r.memory.content))).collect();
        let expected = "
query
├─▶ entity \"Port Blair\" 3.2 ms
│   ├─▶ memory m1 \"Port Blair is a capital.\" 4.0 ms
│   └─▶ memory m2 \"Other\" 5.5 ms
└─▶ memory m3 \"Seed\" 2.0 ms
";
        assert_eq!(Branch::of(&memories).drawn(&words), expected);
        assert!(Branch::of(&[]).drawn(&HashMap::new()).starts_with("no spikes"));
    }

    #[test]
    fn json_holds_what_was_measured_and_nothing_else() {
        let seed = spike(StepNode::Memory(MemoryId(31)), 2.5);
        let object = memory_json(&recalled(31, "x", vec![seed]));
        assert_eq!(object["id"], "m1f");
        assert_eq!(object["first_spike_ms"], 2.5);
        assert_eq!(object["path"], json!([{"memory": "m1f", "spike_ms": 2.5}]));
        assert_eq!(object.get("similarity"), None);
        assert_eq!(object.get("duplicates"), None);
    }
}
