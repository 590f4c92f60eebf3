//! The scenarios that come with the program. Each is a file in `scenarios/`.

use crate::Scenario;

/// A built-in scenario.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// Its key in links and commands: the name of its file.
    pub id: &'static str,
    /// Its text.
    pub yaml: &'static str,
}

/// Declares the library: the files, in the order of the menu.
macro_rules! library {
    ($($id:literal,)*) => {
        /// The built-in scenarios, in the order of the menu.
        #[must_use]
        pub const fn builtin() -> &'static [Builtin] {
            &[$(Builtin {
                id: $id,
                yaml: include_str!(concat!("../../../scenarios/", $id, ".yaml")),
            },)*]
        }
    };
}

library! {
    "single-container",
    "init-containers",
    "image-pull-back-off",
    "crash-loop",
    "cni-fails",
    "name-conflict",
    "delete-pod",
    "host-network",
    "kubelet-restart",
    "both-stacks",
    "kubelet-start",
    "static-pod",
    "eviction",
}

/// The built-in scenario of a key.
#[must_use]
pub fn find(id: &str) -> Option<&'static Builtin> {
    builtin().iter().find(|builtin| builtin.id == id)
}

impl Builtin {
    /// The scenario.
    ///
    /// # Panics
    /// Never: a test reads every file of the library.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        Scenario::parse(self.yaml).expect("the library is tested to be well-formed")
    }
}
