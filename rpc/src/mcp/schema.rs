//! JSON Schemas of the tools: derived, then made portable and small, and used to read arguments.
//!
//! Validators of other languages warn about formats such as `uint32`, and a model gains nothing from titles; both go.
//! Reading by the published schema gives every refusal the same form: the parameter, then the rule.

use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;

/// Schema of a tool's parameters.
pub(super) fn of_arguments<T: JsonSchema>() -> Arc<JsonObject> {
    portable::<T>(SchemaSettings::draft2020_12().for_deserialize())
}

/// Schema of a tool's result.
pub(super) fn of_result<T: JsonSchema>() -> Arc<JsonObject> {
    portable::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn portable<T: JsonSchema>(settings: SchemaSettings) -> Arc<JsonObject> {
    let settings = settings.with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    slim(&mut schema);
    match schema {
        Value::Object(schema) => Arc::new(schema),
        other => unreachable!("structs have object schemas, not {other}; this is a bug"),
    }
}

/// Drops what only Rust knows, recursively. Only schemas are walked: the members of `properties` are names, not keywords.
fn slim(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    keywords.remove("title");
    let format = keywords.remove("format");
    // Said again by the type of every count.
    if format.is_some_and(|format| format.as_str().is_some_and(|format| format.starts_with("uint")))
        && keywords.get("minimum").and_then(Value::as_u64) == Some(0)
    {
        keywords.remove("minimum");
    }
    // An optional parameter may be left out, which `required` says; null is not a value of it.
    if let Some(Value::Array(types)) = keywords.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keywords.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(choices)) = keywords.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    let alternatives = match keywords.get("anyOf") {
        Some(Value::Array(any)) => any.iter().filter(|one| one["type"] != "null").cloned().collect(),
        _ => Vec::new(),
    };
    if let [Value::Object(only)] = alternatives.as_slice() {
        keywords.remove("anyOf");
        for (keyword, value) in only {
            keywords.entry(keyword).or_insert_with(|| value.clone());
        }
        return slim(schema);
    }
    if let Some(items) = keywords.get_mut("items") {
        slim(items);
    }
    if let Some(Value::Object(properties)) = keywords.get_mut("properties") {
        properties.values_mut().for_each(slim);
    }
}

/// Reads a tool's arguments. A null counts as left out, as many clients send it.
pub(super) fn read<T: DeserializeOwned>(
    tool: &str,
    schema: &JsonObject,
    arguments: JsonObject,
) -> Result<T, Error> {
    let mut arguments = Value::Object(arguments);
    fit(tool, "", schema, &mut arguments)?;
    serde_json::from_value(arguments).map_err(|error| Error::field(tool, error.to_string()))
}

/// Checks types, names and choices against a schema of the kind that `portable` makes. Limits are left to the domain.
fn fit(tool: &str, path: &str, schema: &JsonObject, value: &mut Value) -> Result<(), Error> {
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("object") => match value {
            Value::Object(members) => return fit_members(tool, path, schema, members),
            _ => false,
        },
        Some("array") => match (value, schema.get("items")) {
            (Value::Array(elements), Some(Value::Object(items))) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    fit(tool, &format!("{path}[{index}]"), items, element)?;
                }
                true
            }
            _ => false,
        },
        Some("integer") => fit_integer(value),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("string") => match schema.get("enum") {
            Some(Value::Array(choices)) => choices.contains(value),
            _ => value.is_string(),
        },
        _ => unreachable!("every parameter has one type; this is a bug"),
    };
    if fits { Ok(()) } else { Err(Error::field(path, format!("must be {}", describe(schema)))) }
}

fn fit_members(tool: &str, path: &str, schema: &JsonObject, members: &mut JsonObject) -> Result<(), Error> {
    let Some(Value::Object(properties)) = schema.get("properties") else {
        unreachable!("objects of parameters have properties; this is a bug")
    };
    let name_of = |member: &str| match path {
        "" => member.to_owned(),
        path => format!("{path}.{member}"),
    };
    members.retain(|_, value| !value.is_null());
    for (member, value) in members.iter_mut() {
        let Some(Value::Object(property)) = properties.get(member) else {
            let known: Vec<_> = properties.keys().map(String::as_str).collect();
            let owner = if path.is_empty() { tool } else { path };
            let rule = format!("is not a parameter; {owner} takes {}", known.join(", "));
            return Err(Error::field(name_of(member), rule));
        };
        fit(tool, &name_of(member), property, value)?;
    }
    for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        let required = required.as_str().unwrap_or_default();
        if !members.contains_key(required) {
            return Err(Error::field(name_of(required), "is required"));
        }
    }
    Ok(())
}

/// 10.0 is an integer to JSON Schema, and some clients write it so. Parameters are 32 bits wide.
fn fit_integer(value: &mut Value) -> bool {
    let whole =
        value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(number));
    if let Some(whole) = whole {
        *value = Value::from(whole as u32);
    }
    whole.is_some()
}

/// The rule of one parameter in words.
fn describe(schema: &JsonObject) -> String {
    let keyword = |name: &str| schema.get(name);
    let range = match (keyword("minimum"), keyword("maximum")) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        _ => String::new(),
    };
    match (keyword("type").and_then(Value::as_str), keyword("enum")) {
        (_, Some(Value::Array(choices))) => {
            let choices: Vec<_> = choices.iter().filter_map(Value::as_str).collect();
            format!("one of {}", choices.join(", "))
        }
        (Some("integer"), _) => format!("an integer{range}"),
        (Some("number"), _) => format!("a number{range}"),
        (Some("boolean"), _) => "true or false".into(),
        (Some("array"), _) => "a list of strings".into(),
        (Some("object"), _) => "an object".into(),
        _ => "a string".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::arguments::{AnalyzeMemoryGraph, RetrieveMemory, StoreMemory};
    use super::*;
    use cortexkg_engine::request;
    use proptest::prelude::*;
    use serde_json::json;

    fn retrieve(arguments: Value) -> Result<request::Retrieve, Error> {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        let schema = of_arguments::<RetrieveMemory>();
        read::<RetrieveMemory>("retrieve_memory", &schema, arguments)?.try_into()
    }

    fn refusal(arguments: Value) -> String {
        retrieve(arguments).expect_err("a refusal").to_string()
    }

    #[test]
    fn what_is_left_out_or_null_takes_the_defaults_of_the_domain() {
        let expected = request::Retrieve { query: "who".into(), ..Default::default() };
        assert_eq!(retrieve(json!({"query": "who"})).unwrap(), expected);
        let nulls = json!({"query": "who", "limit": null, "time_range": null, "strategy": null});
        assert_eq!(retrieve(nulls).unwrap(), expected);
    }

    #[test]
    fn the_published_defaults_are_those_of_the_domain() {
        let store = of_arguments::<StoreMemory>();
        let published = store["properties"]["confidence"]["default"].as_f64().unwrap();
        assert_eq!(published as f32, request::CONFIDENCE_DEFAULT);
        let schema = of_arguments::<RetrieveMemory>();
        let standard = request::Retrieve::default();
        assert_eq!(schema["properties"]["limit"]["default"], standard.limit);
        assert_eq!((&schema["properties"]["threshold"]["default"], standard.threshold), (&Value::Null, None));
        assert_eq!(schema["properties"]["strategy"]["default"], format!("{:?}", standard.strategy));
    }

    #[test]
    fn a_wrong_type_is_refused_by_field_and_rule() {
        assert_eq!(refusal(json!({"query": 7})), "query: must be a string");
        assert_eq!(refusal(json!({"query": "a", "limit": "ten"})), "limit: must be an integer from 1 to 100");
        assert_eq!(refusal(json!({"query": "a", "limit": 2.5})), "limit: must be an integer from 1 to 100");
        assert_eq!(refusal(json!({"query": "a", "limit": -1})), "limit: must be an integer from 1 to 100");
        assert_eq!(
            refusal(json!({"query": "a", "limit": 1u64 << 40})),
            "limit: must be an integer from 1 to 100"
        );
        assert_eq!(
            refusal(json!({"query": "a", "threshold": true})),
            "threshold: must be a number from 0.0 to 1.0"
        );
        assert_eq!(
            refusal(json!({"query": "a", "include_reasoning": "yes"})),
            "include_reasoning: must be true or false"
        );
        assert_eq!(
            refusal(json!({"query": "a", "tag_filter": "x"})),
            "tag_filter: must be a list of strings"
        );
        assert_eq!(refusal(json!({"query": "a", "tag_filter": ["x", 2]})), "tag_filter[1]: must be a string");
        assert_eq!(refusal(json!({"query": "a", "time_range": []})), "time_range: must be an object");
        let choice = refusal(json!({"query": "a", "strategy": "Guess"}));
        assert!(choice.starts_with("strategy: must be one of SemanticSimilarity, "), "{choice}");
    }

    #[test]
    fn unknown_names_are_refused_with_the_known_ones() {
        let top = refusal(json!({"query": "a", "top_k": 3}));
        assert!(top.starts_with("top_k: is not a parameter; retrieve_memory takes "), "{top}");
        assert!(top.contains("limit"), "{top}");
        let nested = refusal(json!({"query": "a", "time_range": {"from": "x"}}));
        assert!(nested.starts_with("time_range.from: is not a parameter; time_range takes "), "{nested}");
        assert_eq!(refusal(json!({"limit": 3})), "query: is required");
    }

    #[test]
    fn times_are_refused_by_their_own_name() {
        let refused = refusal(json!({"query": "a", "time_range": {"start": "yesterday"}}));
        assert!(refused.starts_with("time_range.start: must be an RFC 3339"), "{refused}");
    }

    #[test]
    fn a_whole_number_written_with_a_point_is_an_integer() {
        assert_eq!(retrieve(json!({"query": "a", "limit": 10.0})).unwrap().limit, 10);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("[a-z_]{1,8}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What fits the schema is read without a word from the deserialiser, whose messages name no field.
        #[test]
        fn no_argument_gets_past_the_schema_and_then_fails(
            name in prop::sample::select(vec!["analysis_type", "memory_ids", "max_depth", "include_pathways"]),
            value in any_json(),
        ) {
            let mut arguments = JsonObject::new();
            arguments.insert("analysis_type".into(), json!("Connectivity"));
            arguments.insert(name.into(), value);
            let schema = of_arguments::<AnalyzeMemoryGraph>();
            if let Err(refused) = read::<AnalyzeMemoryGraph>("analyze_memory_graph", &schema, arguments) {
                prop_assert!(refused.to_string().starts_with(name), "{refused}");
            }
        }
    }
}
