//! Snapshots as this release writes them, format version 2: named sections, most of them of numbered fields.
//!
//! | section | holds | without it |
//! |---|---|---|
//! | `store` | model, learning parameters, counts | refused |
//! | `items` | memories, names of tags, idempotency keys | refused |
//! | `vectors` | half-precision rows and their running sum | refused |
//! | `graph` | lengths of rows, edges | refused |
//! | `entities` | names, nodes | refused |
//! | `columns` | states, members; free ones | refused |
//! | `parts` | vectors of parts of long texts | long texts are found as a whole only |
//! | `lexical` | the index of terms, in the version of the analyser that made it | made again from the texts |

use super::sections::{self, Section};
use super::{Content, WHAT};
use crate::Error;
use crate::ids::ColumnId;
use crate::record::fields::{Reader, Writer, encode, wrong};
use crate::record::v2::{learning, place, put_learning, put_model, put_place, read_model};
use crate::record::{Part, Vector};
use crate::state::State;
use crate::state::columns::{Column, ColumnState};
use crate::state::graph::{Edge, Side};
use crate::state::items::Item;
use crate::text::ANALYSER_VERSION;

/// Version of all sections but `lexical`.
const ONE: u32 = 1;

/// Writes a state behind what is in `bytes`.
pub(super) fn write(state: &State, mut bytes: Vec<u8>) -> Vec<u8> {
    let mut put = |name: &str, is_needed: bool, version: u32, section: Vec<u8>| {
        sections::put(&mut bytes, &Section { name, is_needed, version, bytes: &section });
    };
    put("store", true, ONE, store(state));
    put("items", true, ONE, items(state));
    put("vectors", true, ONE, vectors(state));
    put("graph", true, ONE, graph(state));
    put("entities", true, ONE, entities(state));
    put("columns", true, ONE, columns(state));
    if let parts @ [_, ..] = &state.parts.rows()[..] {
        let of = |&row: &u32| (row, state.parts.of(row).map(|parts| parts.to_record()).unwrap_or_default());
        put("parts", false, ONE, encode(&parts.iter().map(of).collect::<Vec<(u32, Vec<Part>)>>()));
    }
    put("lexical", false, ANALYSER_VERSION, encode(&state.lexical));
    bytes
}

/// Reads a body of version 2.
pub(super) fn read(body: &[u8]) -> Result<Content, Error> {
    let mut content = Content::default();
    let mut missing = vec!["store", "items", "vectors", "graph", "entities", "columns"];
    for section in sections::read(body)? {
        missing.retain(|name| *name != section.name);
        let bytes = section.bytes;
        match (section.name, section.version) {
            ("store", ONE) => read_store(&mut content, bytes)?,
            ("items", ONE) => read_items(&mut content, bytes)?,
            ("vectors", ONE) => read_vectors(&mut content, bytes)?,
            ("graph", ONE) => read_graph(&mut content, bytes)?,
            ("entities", ONE) => content.entities = whole("entities", bytes)?,
            ("columns", ONE) => read_columns(&mut content, bytes)?,
            ("parts", ONE) => content.parts = whole("parts", bytes)?,
            // An index that cannot be read is made again as well.
            ("lexical", ANALYSER_VERSION) => content.lexical = whole("lexical", bytes).ok(),
            (name, version) if section.is_needed => {
                return Err(wrong(
                    WHAT,
                    format!("section {name} of version {version} is of a later release"),
                ));
            }
            _ => {}
        }
    }
    match missing.first() {
        Some(name) => Err(wrong(WHAT, format!("section {name} is missing"))),
        None => Ok(content),
    }
}

fn whole<'a, T: serde::Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T, Error> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) => Err(wrong(WHAT, format!("section {name} goes on after its end"))),
        Err(error) => Err(wrong(WHAT, format!("section {name}: {error}"))),
    }
}

fn store(state: &State) -> Vec<u8> {
    let mut to = Writer::default();
    if let Some(model) = &state.model {
        to.put_fields(1, |to| put_model(to, model));
    }
    to.put_fields(3, |to| put_learning(to, &state.learning));
    to.put(5, &state.edges);
    to.put(7, &state.learned);
    to.put_some(9, &state.faded_at);
    to.put(11, &state.next_id);
    to.put_many(13, &state.unembedded.iter().copied().collect::<Vec<u32>>());
    to.into_bytes()
}

fn read_store(content: &mut Content, bytes: &[u8]) -> Result<(), Error> {
    let mut from = Reader::new(WHAT, bytes)?;
    content.model = from.fields(1, read_model)?;
    content.learning = from.fields(3, learning)?.ok_or_else(|| from.missing(3))?;
    content.edges_counted = from.need(5)?;
    content.learned = from.need(7)?;
    content.faded_at = from.some(9)?;
    content.next_id = from.need(11)?;
    content.unembedded = from.many(13)?;
    from.done()
}

fn items(state: &State) -> Vec<u8> {
    let items = &state.items;
    let mut to = Writer::default();
    to.put_many(1, items.tag_names());
    to.put_many(3, &items.keys());
    // One body of fields a row, each with its length before it.
    let mut rows = Vec::with_capacity(items.len() * 128);
    for item in items.list() {
        let fields = item_fields(item);
        rows.extend(encode(&fields.len()));
        rows.extend(fields);
    }
    let mut bytes = to.into_bytes();
    let head = encode(&bytes.len());
    bytes.splice(0..0, head);
    bytes.extend(rows);
    bytes
}

fn read_items(content: &mut Content, bytes: &[u8]) -> Result<(), Error> {
    let cut = |bytes| -> Result<(&[u8], &[u8]), Error> {
        let (len, rest): (usize, &[u8]) =
            postcard::take_from_bytes(bytes).map_err(|error| wrong(WHAT, error))?;
        rest.split_at_checked(len).ok_or_else(|| wrong(WHAT, "section items is cut off"))
    };
    let (head, mut rest) = cut(bytes)?;
    let mut from = Reader::new(WHAT, head)?;
    content.tag_names = from.many(1)?;
    content.keys = from.many(3)?;
    from.done()?;
    while !rest.is_empty() {
        let (fields, behind) = cut(rest)?;
        content.items.push(item(fields)?);
        rest = behind;
    }
    Ok(())
}

fn item_fields(item: &Item) -> Vec<u8> {
    let mut to = Writer::default();
    to.put(1, &item.id);
    to.put(3, &item.node);
    if item.alive {
        to.put(5, &item.content);
    }
    to.put_some(7, &item.context);
    to.put_some(9, &item.source);
    to.put_many(11, &item.tags);
    if let Some(place) = &item.place {
        to.put_fields(13, |to| put_place(to, place));
    }
    to.put(15, &item.created_at);
    to.put(17, &item.updated_at);
    to.put_some(19, &item.occurred_at);
    to.put(21, &item.confidence);
    to.put_some(23, &item.importance);
    to.put(25, &item.column);
    to.put(27, &item.role);
    to.put(29, &item.version);
    to.put(31, &item.kind);
    to.into_bytes()
}

fn item(bytes: &[u8]) -> Result<Item, Error> {
    let mut from = Reader::new(WHAT, bytes)?;
    let content: Option<Box<str>> = from.some(5)?;
    let item = Item {
        id: from.need(1)?,
        node: from.need(3)?,
        alive: content.is_some(),
        content: content.unwrap_or_default(),
        context: from.some(7)?,
        source: from.some(9)?,
        tags: from.many(11)?.into(),
        place: from.fields(13, place)?.map(Box::new),
        created_at: from.need(15)?,
        updated_at: from.need(17)?,
        occurred_at: from.some(19)?,
        confidence: from.need(21)?,
        importance: from.some(23)?,
        column: ColumnId(from.need(25)?),
        role: from.need(27)?,
        version: from.need(29)?,
        kind: from.need(31)?,
    };
    from.done()?;
    Ok(item)
}

fn vectors(state: &State) -> Vec<u8> {
    let vectors = &state.vectors;
    let (sum, counted) = vectors.sum();
    let mut to = Writer::default();
    to.put(1, &vectors.dim());
    to.put(3, sum);
    to.put(5, &counted);
    let mut bytes = to.into_bytes();
    let head = encode(&bytes.len());
    bytes.splice(0..0, head);
    bytes.extend(vectors.rows().iter().flat_map(|bits| bits.to_le_bytes()));
    bytes
}

fn read_vectors(content: &mut Content, bytes: &[u8]) -> Result<(), Error> {
    let (len, rest): (usize, &[u8]) = postcard::take_from_bytes(bytes).map_err(|error| wrong(WHAT, error))?;
    let cut = rest.split_at_checked(len).filter(|(_, rows)| rows.len().is_multiple_of(2));
    let Some((head, rows)) = cut else { return Err(wrong(WHAT, "section vectors is cut off")) };
    let mut from = Reader::new(WHAT, head)?;
    content.dim = from.need(1)?;
    content.vector_sum = from.many(3)?;
    content.vectors_counted = from.need(5)?;
    content.vectors =
        Vector(rows.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect());
    from.done()
}

fn graph(state: &State) -> Vec<u8> {
    let graph = &state.graph;
    let nodes = graph.nodes_len() as u32;
    let both = |node| [Side::Near, Side::Far].map(|side| (node, side));
    let mut bytes = Vec::with_capacity(8 + 8 * nodes as usize + 8 * graph.edges().len());
    bytes.extend(nodes.to_le_bytes());
    for (node, side) in (0..nodes).flat_map(both) {
        bytes.extend((graph.row_len(node, side) as u32).to_le_bytes());
    }
    for (node, side) in (0..nodes).flat_map(both) {
        for edge in graph.row(node, side) {
            bytes.extend(edge.target.to_le_bytes());
            bytes.extend(edge.packed.to_le_bytes());
        }
    }
    bytes
}

fn read_graph(content: &mut Content, bytes: &[u8]) -> Result<(), Error> {
    let pairs = |bytes: &[u8]| -> Vec<[u32; 2]> {
        let number = |at: &[u8]| u32::from_le_bytes([at[0], at[1], at[2], at[3]]);
        bytes.chunks_exact(8).map(|pair| [number(&pair[..4]), number(&pair[4..])]).collect()
    };
    let cut = bytes.split_first_chunk::<4>().and_then(|(nodes, rest)| {
        let rows = (u32::from_le_bytes(*nodes) as usize).checked_mul(8)?;
        rest.split_at_checked(rows).filter(|(_, edges)| edges.len().is_multiple_of(8))
    });
    let Some((rows, edges)) = cut else { return Err(wrong(WHAT, "section graph is cut off")) };
    content.rows = pairs(rows);
    content.edges = pairs(edges).into_iter().map(|[target, packed]| Edge { target, packed }).collect();
    Ok(())
}

fn entities(state: &State) -> Vec<u8> {
    let list = state.entities.list().iter();
    encode(&list.map(|entity| (&*entity.name, entity.node, entity.is_subject)).collect::<Vec<_>>())
}

fn columns(state: &State) -> Vec<u8> {
    let list = state.columns.list().iter();
    let list: Vec<(u8, u32, u32)> =
        list.map(|column| (column.state as u8, column.members, column.exceptions)).collect();
    let mut to = Writer::default();
    to.put_many(1, &list);
    to.put_many(3, state.columns.free());
    to.into_bytes()
}

fn read_columns(content: &mut Content, bytes: &[u8]) -> Result<(), Error> {
    let mut from = Reader::new(WHAT, bytes)?;
    let list: Vec<(u8, u32, u32)> = from.many(1)?;
    content.columns_free = from.many(3)?;
    for (state, members, exceptions) in list {
        let state = ColumnState::of(state).ok_or_else(|| wrong(WHAT, "a column is in no state"))?;
        content.columns.push(Column { state, members, exceptions });
    }
    from.done()
}
