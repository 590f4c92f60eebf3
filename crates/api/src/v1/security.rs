//! Users, capabilities and the kernel's access controls.

// The names are Kubernetes' own, and its API reference explains each of them.
#![allow(missing_docs)]

use crate::Raw;
use crate::value::objects;

objects! {
    /// Security settings of all containers of a Pod.
    PodSecurityContext "PodSecurityContext" {
        se_linux_options: Option<Box<SeLinuxOptions>> = "seLinuxOptions";
        windows_options: Raw = "windowsOptions" as "v1.WindowsSecurityContextOptions";
        run_as_user: Option<i64> = "runAsUser";
        run_as_group: Option<i64> = "runAsGroup";
        run_as_non_root: Option<bool> = "runAsNonRoot";
        supplemental_groups: Vec<i64> = "supplementalGroups";
        supplemental_groups_policy: Option<String> = "supplementalGroupsPolicy" as "v1.SupplementalGroupsPolicy";
        fs_group: Option<i64> = "fsGroup";
        sysctls: Vec<Sysctl> = "sysctls";
        fs_group_change_policy: Option<String> = "fsGroupChangePolicy" as "v1.PodFSGroupChangePolicy";
        seccomp_profile: Option<SeccompProfile> = "seccompProfile";
        app_armor_profile: Option<AppArmorProfile> = "appArmorProfile";
        se_linux_change_policy: Option<String> = "seLinuxChangePolicy" as "v1.PodSELinuxChangePolicy";
    }

    /// Security settings of one container, which win over the Pod's.
    SecurityContext "SecurityContext" {
        capabilities: Option<Box<Capabilities>> = "capabilities";
        privileged: Option<bool> = "privileged";
        se_linux_options: Option<Box<SeLinuxOptions>> = "seLinuxOptions";
        windows_options: Raw = "windowsOptions" as "v1.WindowsSecurityContextOptions";
        run_as_user: Option<i64> = "runAsUser";
        run_as_group: Option<i64> = "runAsGroup";
        run_as_non_root: Option<bool> = "runAsNonRoot";
        read_only_root_filesystem: Option<bool> = "readOnlyRootFilesystem";
        allow_privilege_escalation: Option<bool> = "allowPrivilegeEscalation";
        proc_mount: Option<String> = "procMount" as "v1.ProcMountType";
        seccomp_profile: Option<SeccompProfile> = "seccompProfile";
        app_armor_profile: Option<AppArmorProfile> = "appArmorProfile";
    }

    /// Kernel capabilities to add and to drop, without their `CAP_`.
    Capabilities "Capabilities" {
        add: Vec<String> = "add" as "[]v1.Capability";
        drop: Vec<String> = "drop" as "[]v1.Capability";
    }

    /// The parts of an SELinux label.
    SeLinuxOptions "SELinuxOptions" {
        user: String = "user";
        role: String = "role";
        type_: String = "type";
        level: String = "level";
    }

    /// The system calls that are allowed.
    SeccompProfile "SeccompProfile" {
        type_: String = "type" as "v1.SeccompProfileType", always;
        localhost_profile: Option<String> = "localhostProfile";
    }

    /// The AppArmor profile that confines a container.
    AppArmorProfile "AppArmorProfile" {
        type_: String = "type" as "v1.AppArmorProfileType", always;
        localhost_profile: Option<String> = "localhostProfile";
    }

    /// A kernel parameter of the Pod's namespaces.
    Sysctl "Sysctl" {
        name: String = "name", always;
        value: String = "value", always;
    }
}
