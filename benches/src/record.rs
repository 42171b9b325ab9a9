//! A table of figures: as CSV with remarks, and in columns for people.

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::macros::format_description;

/// Rows of one command.
#[derive(Debug, Default)]
pub struct Table {
    /// Lines before the head of the file.
    pub remarks: Vec<String>,
    /// Names of columns, with units.
    pub head: Vec<&'static str>,
    /// As many values each.
    pub rows: Vec<Vec<Value>>,
}

impl Table {
    /// Without rows.
    pub fn new(head: &[&'static str]) -> Self {
        Table { head: head.to_vec(), ..Table::default() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Value>) {
        assert!(row.len() == self.head.len(), "a row of {} columns, this is a bug", row.len());
        self.rows.push(row);
    }

    /// As it lies in `record/`.
    pub fn csv(&self) -> String {
        let mut text: String = self.remarks.iter().map(|remark| format!("# {remark}\n")).collect();
        text += &self.head.join(",");
        text.push('\n');
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(cell).collect();
            text += &cells.join(",");
            text.push('\n');
        }
        text
    }

    /// One JSON object.
    pub fn json(&self) -> Value {
        let object = |row: &Vec<Value>| -> Value {
            let pairs = self.head.iter().zip(row).map(|(name, value)| ((*name).to_owned(), value.clone()));
            pairs.collect::<Map<_, _>>().into()
        };
        let rows: Vec<Value> = self.rows.iter().map(object).collect();
        serde_json::json!({ "remarks": self.remarks, "rows": rows })
    }

    /// In columns, numbers to the right.
    pub fn columns(&self) -> String {
        let mut lines: Vec<Vec<String>> = vec![self.head.iter().map(|&name| name.to_owned()).collect()];
        lines.extend(self.rows.iter().map(|row| row.iter().map(shown).collect()));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let is_number = |column: usize| self.rows.iter().any(|row| row[column].is_number());
        let mut text = String::new();
        for line in &lines {
            let cells = line.iter().enumerate().map(|(column, cell)| match is_number(column) {
                true => format!("{cell:>width$}", width = widths[column]),
                false => format!("{cell:<width$}", width = widths[column]),
            });
            text += cells.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text
    }

    /// Writes the CSV to a file, whose folder is made if need be.
    pub fn save(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        fs::write(file, self.csv()).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Prints it: JSON alone, or columns after the remarks.
    pub fn print(&self, json: bool) -> anyhow::Result<()> {
        let text = if json {
            format!("{}\n", self.json())
        } else {
            let remarks: String = self.remarks.iter().map(|remark| format!("{remark}\n")).collect();
            remarks + &self.columns()
        };
        stdout().write_all(text.as_bytes()).context("standard output is closed")
    }
}

/// A value as a cell: texts hold no comma, or stand in quotes.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.contains([',', '"']) => format!("\"{}\"", text.replace('"', "\"\"")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number to four significant digits.
pub fn rounded(number: f64) -> Value {
    if number == 0.0 || !number.is_finite() {
        return number.into();
    }
    let step = 10f64.powf(number.abs().log10().floor() - 3.0);
    let rounded = (number / step).round() * step;
    // Printed and read again, so that no digits of the binary number are left.
    let places = (-step.log10().round()).max(0.0) as usize;
    format!("{rounded:.places$}").parse::<f64>().map_or(Value::Null, Into::into)
}

/// Today, as files are named.
pub fn today() -> String {
    let day = OffsetDateTime::now_utc().format(format_description!("[year]-[month]-[day]"));
    day.expect("a date has all of these")
}

/// Where the figures of a machine and a day lie.
pub fn place(folder: &Path, machine: &str, what: &str) -> PathBuf {
    folder.join(machine).join(format!("{}-{what}.csv", today()))
}

/// A name that a folder can have.
pub fn slug(name: &str) -> String {
    let plain: String =
        name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_four_digits() {
        for (number, text) in
            [(123_456.0, "123500.0"), (1.23456, "1.235"), (0.000_123_456, "0.0001235"), (0.0, "0.0")]
        {
            assert_eq!(rounded(number).to_string(), text);
        }
    }

    #[test]
    fn a_table_as_csv_and_in_columns() {
        let mut table = Table::new(&["shape", "us"]);
        table.remarks.push("one".into());
        table.push(vec!["4 rows, \"a\"".into(), 12.into()]);
        table.push(vec!["b".into(), Value::Null]);
        assert_eq!(table.csv(), "# one\nshape,us\n\"4 rows, \"\"a\"\"\",12\nb,\n");
        assert_eq!(table.columns(), "shape        us\n4 rows, \"a\"  12\nb             -\n");
        assert_eq!(slug("NVIDIA H200 (PCIe) "), "nvidia-h200-pcie");
    }
}
