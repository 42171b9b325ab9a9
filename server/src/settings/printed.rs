//! The settings as a commented file: `config/default.toml` is exactly this.

use std::fmt::Write;

use toml::Table;

use super::{SECTIONS, Settings};

impl Settings {
    /// Every key at its default with its comment, as TOML.
    pub fn printed_defaults() -> String {
        let values = Table::try_from(Settings::default())
            .unwrap_or_else(|why| unreachable!("defaults are plain values; this is a bug: {why}"));
        let mut text = String::from(
            "# Every setting at its default. Later layers win: these defaults, --config FILE,\n\
             # CORTEXKG__SECTION__KEY in the environment, flags. Unknown keys are refused.\n\
             # Printed by `cortexkg config`, and compared with the code by a test.\n",
        );
        for section in SECTIONS {
            let _ = writeln!(text);
            for line in section.about {
                let _ = writeln!(text, "#{line}");
            }
            let _ = writeln!(text, "[{}]", section.name);
            for key in section.keys {
                for line in key.doc {
                    let _ = writeln!(text, "#{line}");
                }
                let _ = writeln!(text, "{} = {}", key.name, values[section.name][key.name]);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn config(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name)
    }

    #[test]
    fn the_default_file_is_what_the_code_says() {
        let path = config("default.toml");
        if std::env::var_os("CORTEXKG_UPDATE_GOLDEN").is_some() {
            fs::write(&path, Settings::printed_defaults()).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            Settings::printed_defaults(),
            "config/default.toml differs from the code; run this test with CORTEXKG_UPDATE_GOLDEN=1"
        );
        assert_eq!(Settings::load(Some(&path), [], vec![]).unwrap(), Settings::default());
    }

    #[test]
    fn every_profile_loads_and_says_only_what_differs() {
        for name in ["development.toml", "testing.toml", "production.toml"] {
            let settings =
                Settings::load(Some(&config(name)), [], vec![]).unwrap_or_else(|error| panic!("{error}"));
            assert_ne!(settings, Settings::default(), "{name} changes nothing");
            let table: Table = fs::read_to_string(config(name)).unwrap().parse().unwrap();
            let defaults = Table::try_from(Settings::default()).unwrap();
            for (section, keys) in &table {
                for (key, value) in keys.as_table().unwrap() {
                    assert_ne!(value, &defaults[section][key], "{name}: {section}.{key} repeats the default");
                }
            }
        }
    }
}
