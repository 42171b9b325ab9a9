//! Which model a folder opens with when the default has changed since it was made.

mod common;

use common::{ask, config, fact};
use cortexkg_embed::ModelChoice;
use cortexkg_engine::{Call, Config, EngineHandle, Error, reembed};

#[test]
fn a_folder_of_the_old_default_opens_as_it_was_and_can_be_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let old = config(folder.path());
    let new = Config { model: ModelChoice::Default, ..old.clone() };

    let engine = EngineHandle::open(old).unwrap();
    engine.store(fact("Marta takes the tram to work."), Call::default()).wait().unwrap();
    engine.close();

    // Under the setting `default` the table is used on.
    let engine = EngineHandle::open(new.clone()).unwrap();
    assert!(engine.health().model.contains("cortexkg-static-256"), "{}", engine.health().model);
    engine.store(fact("Her office is in Porto."), Call::default()).wait().unwrap();
    let found = engine.retrieve(ask("tram to work"), Call::default()).wait().unwrap();
    assert!(found.memories[0].memory.content.contains("tram"));
    engine.close();

    // Asked for, the memories are embedded anew, and the folder is one of the encoder's from then on.
    assert_eq!(reembed(&new, &mut |_, _| ()).unwrap(), 2);
    let engine = EngineHandle::open(new.clone()).unwrap();
    assert!(engine.health().model.contains("cortexkg-minilm-256"), "{}", engine.health().model);
    assert_eq!(engine.health().memories, 2);
    engine.close();

    // A model that was chosen by name is never exchanged for another.
    let named = Config { model: ModelChoice::Static, ..new };
    assert!(matches!(EngineHandle::open(named), Err(Error::OtherModel { .. })));
}

#[test]
fn a_new_folder_gets_the_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let engine = EngineHandle::open(Config { model: ModelChoice::Default, ..config(folder.path()) }).unwrap();
    assert!(engine.health().model.contains("cortexkg-minilm-256"));
    engine.close();
}
