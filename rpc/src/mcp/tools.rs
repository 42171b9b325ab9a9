//! The seven tools as clients see them. Built once; the list never varies, so clients may keep it.

use std::sync::{Arc, LazyLock};

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;

use super::{arguments, results, schema};

/// All seven, in the order in which they are listed.
pub(super) static TOOLS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let (reads, adds, changes) = (Effect::Reads, Effect::Adds, Effect::Changes);
    vec![
        tool::<arguments::StoreMemory, results::Stored>(
            "store_memory",
            "Remember a fact, note or event for later conversations. Returns its memory_id and whether it duplicates, \
             contradicts or supersedes another.",
            adds,
        ),
        tool::<arguments::RetrieveMemory, results::Retrieved>(
            "retrieve_memory",
            "Recall memories relevant to a question, best first. Use before answering from earlier conversations.",
            reads,
        ),
        tool::<arguments::UpdateMemory, results::Updated>(
            "update_memory",
            "Correct or extend a stored memory. Needs at least one new_*, add_tags or remove_tags.",
            changes,
        ),
        tool::<arguments::DeleteMemory, results::Deleted>(
            "delete_memory",
            "Forget a memory for good.",
            changes,
        ),
        tool::<arguments::AnalyzeMemoryGraph, results::Analyzed>(
            "analyze_memory_graph",
            "Inspect how memories are linked, or check the store.",
            reads,
        ),
        tool::<arguments::GetMemoryStats, results::Stats>(
            "get_memory_stats",
            "Count what is stored and report measured timings.",
            reads,
        ),
        tool::<arguments::ConfigureLearning, results::Configured>(
            "configure_learning",
            "Change how connections learn from use; parameters left out stay.",
            changes,
        ),
    ]
});

/// The tool of that name.
pub(super) fn named(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// What a call does to the store.
#[derive(Clone, Copy)]
enum Effect {
    /// Changes no memory. (A recall may strengthen the connections it used; that shows in later rankings alone.)
    Reads,
    /// Adds; a repeat adds again.
    Adds,
    /// Replaces or removes; a repeat changes nothing more.
    Changes,
}

fn tool<A, R>(name: &'static str, description: &'static str, effect: Effect) -> Tool
where
    A: JsonSchema,
    R: JsonSchema,
{
    let input: Arc<JsonObject> = schema::of_arguments::<A>();
    let annotations = match effect {
        Effect::Reads => ToolAnnotations::new().read_only(true),
        Effect::Adds => ToolAnnotations::new().read_only(false).destructive(false).idempotent(false),
        Effect::Changes => ToolAnnotations::new().read_only(false).destructive(true).idempotent(true),
    };
    Tool::new(name, description, input)
        .with_raw_output_schema(schema::of_result::<results::Envelope<R>>())
        .with_annotations(annotations.open_world(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// What every agent pays in tokens for having this server; that of the most used memory server.
    const LIST_BYTES_MAX: usize = 10_800;

    fn list() -> Value {
        json!({ "tools": *TOOLS })
    }

    /// Set `CORTEXKG_WRITE_GOLDEN` to write the file anew; the difference is then there to be reviewed.
    #[test]
    fn the_interface_changes_only_on_purpose() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/tools.json");
        let now = serde_json::to_string_pretty(&list()).unwrap() + "\n";
        if std::env::var_os("CORTEXKG_WRITE_GOLDEN").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let golden = std::fs::read_to_string(path).unwrap();
        assert!(now == golden, "tools/list differs from {path}: run with CORTEXKG_WRITE_GOLDEN=1 if meant");
    }

    #[test]
    fn the_list_stays_within_its_budget_of_bytes() {
        let bytes = list().to_string().len();
        assert!(bytes <= LIST_BYTES_MAX, "tools/list takes {bytes} bytes, above {LIST_BYTES_MAX}");
    }

    #[test]
    fn schemas_hold_only_what_every_validator_knows() {
        fn walk(schema: &Value, path: &str) {
            let Value::Object(keywords) = schema else { panic!("{path} is no schema: {schema}") };
            for unknown in ["format", "$schema", "$ref", "$defs", "title", "anyOf", "oneOf", "nullable"] {
                assert!(!keywords.contains_key(unknown), "{path} has {unknown}");
            }
            assert!(keywords["type"].is_string(), "{path} has type {}", keywords["type"]);
            if let Some(items) = keywords.get("items") {
                walk(items, &format!("{path}[]"));
            }
            for (name, property) in
                keywords.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                walk(property, &format!("{path}.{name}"));
            }
        }
        for tool in TOOLS.iter() {
            walk(&Value::Object((*tool.input_schema).clone()), &tool.name);
            assert_eq!(tool.input_schema["additionalProperties"], false, "{}", tool.name);
            let output = tool.output_schema.as_ref().expect("every tool says what it returns");
            walk(&Value::Object((**output).clone()), &tool.name);
        }
    }

    #[test]
    fn limits_of_the_specification_are_published() {
        let property = |tool: &str, name: &str| named(tool).unwrap().input_schema["properties"][name].clone();
        let content = property("store_memory", "content");
        assert_eq!((&content["minLength"], &content["maxLength"]), (&json!(1), &json!(10_000)));
        let tags = property("store_memory", "tags");
        assert_eq!((&tags["maxItems"], &tags["items"]["maxLength"]), (&json!(20), &json!(50)));
        let limit = property("retrieve_memory", "limit");
        assert_eq!(
            (&limit["minimum"], &limit["maximum"], &limit["default"]),
            (&json!(1), &json!(100), &json!(10))
        );
        let strategies = property("retrieve_memory", "strategy");
        assert_eq!(strategies["enum"].as_array().unwrap().len(), 5);
        assert_eq!(property("configure_learning", "learning_mode")["enum"][2], "STDP");
        assert_eq!(property("configure_learning", "plasticity_window_ms")["minimum"], 0.1);
    }

    #[test]
    fn hints_tell_readers_from_writers() {
        let hints = |tool: &str| named(tool).unwrap().annotations.clone().unwrap();
        for reader in ["retrieve_memory", "analyze_memory_graph", "get_memory_stats"] {
            assert_eq!(hints(reader).read_only_hint, Some(true));
        }
        assert_eq!(hints("store_memory").destructive_hint, Some(false));
        assert_eq!(hints("delete_memory").destructive_hint, Some(true));
        assert!(TOOLS.iter().all(|tool| hints(&tool.name).open_world_hint == Some(false)));
    }
}
