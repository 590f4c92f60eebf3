//! The file that Docker made, written over.
//!
//! Models: kubernetes@v1.22.6 `pkg/kubelet/dockershim/docker_sandbox.go` `rewriteResolvFile`.

use node::Node;
use sim::Ctx;

/// Puts the kubelet's DNS settings into a sandbox's resolv.conf. Without any setting, or without
/// a path, nothing happens.
///
/// # Errors
/// There is no such file.
pub(super) fn rewrite_resolv_file(
    ctx: &Ctx,
    node: &Node,
    path: &str,
    dns: &cri::DnsConfig,
) -> Result<(), String> {
    if path.is_empty() {
        return Ok(());
    }
    if !node.exists(path) {
        return Err(format!("ResolvConfPath {path:?} does not exist"));
    }
    let mut lines: Vec<String> =
        dns.servers.iter().map(|server| format!("nameserver {server}")).collect();
    if !dns.searches.is_empty() {
        lines.push(format!("search {}", dns.searches.join(" ")));
    }
    if !dns.options.is_empty() {
        lines.push(format!("options {}", dns.options.join(" ")));
    }
    if !lines.is_empty() {
        node.write_file(ctx, path, &(lines.join("\n") + "\n"));
    }
    Ok(())
}
