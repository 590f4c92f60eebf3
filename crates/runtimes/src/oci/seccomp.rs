//! Seccomp profiles, as Docker, containerd and CRI-O read them from files.
//!
//! Models: opencontainers/runtime-spec `specs-go/config.go` `LinuxSeccomp`; containerd
//! `contrib/seccomp/seccomp.go` `WithProfile`.
//!
//! # What we simplify
//! Conditions on arguments, architectures and kernel versions are passed over.

use node::SyscallFilter;
use serde::Deserialize;
use std::rc::Rc;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: String,
    #[serde(default)]
    syscalls: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(default)]
    names: Vec<Rc<str>>,
    action: String,
}

/// The filter that a profile describes.
///
/// # Errors
/// A text that is no profile.
pub(crate) fn filter(profile: &str) -> Result<SyscallFilter, String> {
    let profile: Profile = serde_json::from_str(profile).map_err(|error| error.to_string())?;
    let passes =
        |action: &str| matches!(action, "SCMP_ACT_ALLOW" | "SCMP_ACT_LOG" | "SCMP_ACT_NOTIFY");
    let by_default = passes(&profile.default_action);
    let others = profile.syscalls.into_iter().filter(|rule| passes(&rule.action) != by_default);
    Ok(SyscallFilter { passes: by_default, listed: others.flat_map(|rule| rule.names).collect() })
}

#[cfg(test)]
mod tests {
    use super::filter;
    use node::Credentials;

    #[test]
    fn a_profile_forbids_by_name() {
        let may = |profile: &str, name: &str| {
            let syscalls = Some(filter(profile).unwrap().into());
            Credentials { syscalls, ..Credentials::default() }.may_call(name)
        };
        let all_but = r#"{"defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO"}]}"#;
        assert!(!may(all_but, "fchmodat"));
        assert!(may(all_but, "chown"));
        let none_but = r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["write"], "action": "SCMP_ACT_KILL"}]}"#;
        assert!(may(none_but, "read"));
        assert!(!may(none_but, "write"));
        assert!(!may(none_but, "chmod"));
        assert!(filter("{}").is_err());
    }
}
