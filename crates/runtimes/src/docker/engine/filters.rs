//! The `filters` parameter of lists.

use crate::json::Json;
use std::collections::{BTreeMap, BTreeSet};

/// Conditions on what a list contains: all names must hold, of each name one value
/// (`label`: all values).
///
/// Models: moby@v20.10.7 `api/types/filters`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters(BTreeMap<&'static str, BTreeSet<String>>);

impl Filters {
    /// One condition.
    pub fn of(name: &'static str, value: impl Into<String>) -> Self {
        let mut filters = Self::default();
        filters.add(name, value);
        filters
    }

    /// One more condition.
    pub fn add(&mut self, name: &'static str, value: impl Into<String>) {
        self.0.entry(name).or_default().insert(value.into());
    }

    /// One more label that must have that value.
    pub fn add_label(&mut self, key: &str, value: &str) {
        self.add("label", format!("{key}={value}"));
    }

    /// Whether there is no condition.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values of a name.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// Whether one of the values of a name satisfies a condition, or the name is not there.
    pub fn any(&self, name: &str, mut holds: impl FnMut(&str) -> bool) -> bool {
        self.0.get(name).is_none_or(|values| values.iter().any(|value| holds(value)))
    }

    /// As it stands in the query.
    #[must_use]
    pub fn json(&self) -> String {
        let names = self.0.iter().fold(Json::object(), |object, (name, values)| {
            let values = values.iter().fold(Json::object(), |set, value| set.bool(value, true));
            object.object_in(name, values)
        });
        names.text()
    }
}
