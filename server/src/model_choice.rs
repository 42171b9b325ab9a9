//! From the word `neural_networks.model` to what the engine opens.

use std::path::{Path, PathBuf};

use cortexkg_embed::{HttpEndpoint, ModelChoice};

use crate::settings::{Settings, SettingsError};

/// The model that `word` names: `default`, `static`, `http`, a folder, or a folder inside the models folder.
pub fn of(settings: &Settings, word: &str) -> Result<ModelChoice, SettingsError> {
    match word {
        "default" => Ok(ModelChoice::Default),
        "static" => Ok(ModelChoice::Static),
        "http" => Ok(ModelChoice::Http(endpoint(settings))),
        _ => folder(&settings.models(), word).map(ModelChoice::Folder),
    }
}

fn folder(models: &Path, word: &str) -> Result<PathBuf, SettingsError> {
    let candidates = [models.join(word), PathBuf::from(word)];
    candidates.into_iter().find(|folder| is_model(folder)).ok_or_else(|| {
        SettingsError::refused(
            "neural_networks.model",
            format!(
                "{word:?} is neither default, static, http, a folder with a model.safetensors, nor a model in {}; `cortexkg model \
                 list` tells what is here",
                models.display()
            ),
        )
    })
}

/// Names of the models in a folder of models, sorted.
pub fn folders(models: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(models).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| is_model(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn is_model(folder: &Path) -> bool {
    folder.join("model.safetensors").is_file()
}

fn endpoint(settings: &Settings) -> HttpEndpoint {
    let chosen = &settings.neural_networks;
    HttpEndpoint {
        url: chosen.http_url.clone(),
        model: chosen.http_model.clone(),
        api_key: chosen.http_api_key.reveal().map(str::to_owned),
        dim: None,
        timeout_ms: chosen.http_timeout_ms,
        batch_len_max: chosen.http_batch_len_max as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_in_the_models_folder_before_it_is_a_path() {
        let place = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.neural_networks.model_weights_directory = place.path().to_string_lossy().into_owned();
        let refusal = of(&settings, "minilm").unwrap_err().to_string();
        assert!(refusal.starts_with("neural_networks.model: \"minilm\" is neither"), "{refusal}");

        let folder = place.path().join("minilm");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("model.safetensors"), "").unwrap();
        for word in ["minilm", &folder.to_string_lossy()] {
            assert!(matches!(of(&settings, word).unwrap(), ModelChoice::Folder(found) if found == folder));
        }
        assert_eq!(folders(place.path()), ["minilm"]);
        assert!(matches!(of(&settings, "default").unwrap(), ModelChoice::Default));
        assert!(matches!(of(&settings, "static").unwrap(), ModelChoice::Static));
    }
}
