//! Chromium and its driver, for the tests that need a real browser.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::apt::Packages;
use crate::shell;

/// The font is for the Chinese half of the page: without it Chromium draws empty boxes.
const PACKAGES: Packages = Packages {
    what: "Chromium and its driver",
    expectation: "about 1 minute",
    names: &["chromium", "chromium-driver", "fonts-noto-cjk"],
    otherwise: "Elsewhere: brew install --cask chromium chromedriver, or name your Chrome or \
                Chromium in the variable CHROMIUM and its driver in CHROMEDRIVER",
};

/// A browser and the program that drives it.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) chromedriver: PathBuf,
}

impl Browser {
    pub(super) fn ready() -> Result<Self> {
        if let Some(found) = Self::find() {
            return Ok(found);
        }
        PACKAGES.install()?;
        Self::find().context("Chromium and its driver: installed, and still not found on the path")
    }

    /// A variable wins over what is on the path.
    fn find() -> Option<Self> {
        let named = |variable: &str| {
            std::env::var_os(variable).map(PathBuf::from).filter(|file| file.is_file())
        };
        let on_path = |names: &[&str]| names.iter().find_map(|name| shell::which(name));
        Some(Self {
            chromium: named("CHROMIUM").or_else(|| {
                on_path(&["chromium", "chromium-browser", "google-chrome", "chrome"])
            })?,
            chromedriver: named("CHROMEDRIVER").or_else(|| on_path(&["chromedriver"]))?,
        })
    }
}
