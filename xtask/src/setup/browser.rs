//! Chromium and its driver, for the tests that need a real browser.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::apt;
use crate::shell;

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
        let by_hand = if cfg!(target_os = "macos") {
            "brew install --cask chromium chromedriver"
        } else {
            "apt-get install -y chromium chromium-driver"
        };
        if !apt::available() {
            bail!(
                "Chromium or chromedriver is missing; run: {by_hand}, \
                 or name yours in the variables CHROMIUM and CHROMEDRIVER"
            );
        }
        let step = shell::Step::start("Chromium and its driver", "about 1 minute");
        apt::install(&["chromium", "chromium-driver", "fonts-noto-cjk"])?;
        step.done();
        Self::find().with_context(|| format!("Chromium or chromedriver is still missing; run: {by_hand}"))
    }

    /// A variable wins over what is on the path.
    fn find() -> Option<Self> {
        let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|file| file.is_file());
        let on_path = |names: &[&str]| names.iter().find_map(|name| shell::which(name));
        Some(Self {
            chromium: named("CHROMIUM")
                .or_else(|| on_path(&["chromium", "chromium-browser", "google-chrome", "chrome"]))?,
            chromedriver: named("CHROMEDRIVER").or_else(|| on_path(&["chromedriver"]))?,
        })
    }
}
