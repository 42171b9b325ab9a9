//! What a scorer is fitted on: questions, each with the memories that could answer it and what is known about each pair.
//!
//! A case does not know what its features mean, so the same code fits any list of them.

/// One question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// The data set; all sets count alike in a fit.
    pub set: String,
    /// The memories that are compared.
    pub rows: Vec<Row>,
}

/// One memory beside the question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Whether it answers.
    pub gold: bool,
    /// As the scorer will see them.
    pub features: Vec<f32>,
}

impl Case {
    /// Gold among the rows.
    pub fn golds(&self) -> usize {
        self.rows.iter().filter(|row| row.gold).count()
    }
}

/// The fold of the `at`-th question of a set that has no natural folds: every tenth belongs together.
pub fn tenth(at: usize) -> String {
    format!("tenth {}", at % 10)
}
