//! One table row per rule: what is wrong with a Pod, and what is said of it.

use expect_test::{Expect, expect};

use crate::manifest::parse;

/// Checks a Pod that is fine except for `spec`, which goes under `spec:` at an indentation of two.
fn check(spec: &str, expected: Expect) {
    check_text(
        &format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n{spec}"),
        expected,
    );
}

/// Checks a container that is fine except for `fields`, one flow mapping's worth.
fn check_container(fields: &str, expected: Expect) {
    check(&format!("  containers:\n  - {{name: c, image: i, {fields}}}\n"), expected);
}

/// Checks the metadata of a Pod that is fine otherwise.
fn check_metadata(metadata: &str, expected: Expect) {
    check_text(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {metadata}\nspec: {{containers: [{{name: c, image: i}}]}}\n"
        ),
        expected,
    );
}

fn check_text(text: &str, expected: Expect) {
    let lines: Vec<String> =
        parse(text).problems.iter().map(|problem| problem.to_string()).collect();
    expected.assert_eq(&lines.join("\n"));
}

/// A field of the Pod's specification beside a container that is fine.
fn check_field(field: &str, expected: Expect) {
    check(&format!("  containers: [{{name: c, image: i}}]\n  {field}\n"), expected);
}

#[test]
fn names() {
    check_metadata(
        "{name: A_b}",
        expect![[
            r#"3:18 error metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ]],
    );
    check_metadata(
        "{namespace: default}",
        expect!["3:1 error metadata.name: Required value: name or generateName is required"],
    );
    check_metadata(
        "{name: x, namespace: a.b}",
        expect![[r#"3:32 error metadata.namespace: Invalid value: "a.b": must not contain dots"#]],
    );
    check_metadata("{generateName: web-}", expect![[""]]);
    check_metadata(
        "{generateName: Web-}",
        expect![[
            r#"3:26 error metadata.generateName: Invalid value: "Web-": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#
        ]],
    );
    check_metadata(
        &format!("{{name: {}}}", "a".repeat(254)),
        expect![[
            r#"3:18 error metadata.name: Invalid value: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": must be no more than 253 bytes"#
        ]],
    );
}

#[test]
fn labels_and_annotations() {
    check_metadata(
        "{name: p, labels: {'a b': x, c: 'd e', -f: g}}",
        expect![[r#"
        3:37 error metadata.labels: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
        3:43 error metadata.labels: Invalid value: "d e": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
        3:54 error metadata.labels: Invalid value: "-f": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#]],
    );
    check_metadata(
        "{name: p, labels: {a/b/c: x, /d: x, e/: x, 'E_/f': x}}",
        expect![[r#"
        3:37 error metadata.labels: Invalid value: "a/b/c": a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')
        3:44 error metadata.labels: Invalid value: "/d": prefix part must be non-empty
        3:51 error metadata.labels: Invalid value: "e/": name part must be non-empty
        3:51 error metadata.labels: Invalid value: "e/": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
        3:62 error metadata.labels: Invalid value: "E_/f": prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#]],
    );
    check_metadata(
        "{name: p, annotations: {'a b': any text, Example.com/X: fine}}",
        expect![[
            r#"3:42 error metadata.annotations: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#
        ]],
    );
    check_metadata(
        &format!("{{name: p, annotations: {{a: {}}}}}", "x".repeat(262144)),
        expect!["3:21 error metadata.annotations: Too long: may not be more than 262144 bytes"],
    );
    check_metadata(
        "{name: p, labels: {a: 1, b: on, c: null, d: ''}}",
        expect![[r#"
        3:33 error json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string
        3:39 error json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string"#]],
    );
    check_metadata(
        "{name: p, finalizers: [a b], ownerReferences: [{kind: X}]}",
        expect![[r#"
        3:21 error metadata.finalizers: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
        3:59 error metadata.ownerReferences[0].apiVersion: Required value: must not be empty
        3:59 error metadata.ownerReferences[0].name: Required value: must not be empty
        3:59 error metadata.ownerReferences[0].uid: Required value: must not be empty"#]],
    );
}

#[test]
fn containers_have_names_and_images() {
    check("  containers: []\n", expect!["5:3 error spec.containers: Required value"]);
    check("  restartPolicy: Never\n", expect!["4:1 error spec.containers: Required value"]);
    check(
        "  containers:\n  - image: i\n  - name: a\n  - name: A\n    image: i\n  - name: a.b\n    image: i\n",
        expect![[r#"
            6:5 error spec.containers[0].name: Required value
            7:5 error spec.containers[1].image: Required value
            8:11 error spec.containers[2].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')
            10:11 error spec.containers[3].name: Invalid value: "a.b": must not contain dots"#]],
    );
    check(
        "  containers:\n  - {name: app, image: i}\n  - {name: app, image: i}\n",
        expect![[r#"7:12 error spec.containers[1].name: Duplicate value: "app""#]],
    );
    check(
        "  containers: [{name: a, image: ' i'}]\n  initContainers: [{name: a, image: i}]\n",
        expect![[r#"
            5:33 error spec.containers[0].image: Invalid value: " i": must not have leading or trailing whitespace
            6:27 error spec.initContainers[0].name: Duplicate value: "a""#]],
    );
    check_container(
        "imagePullPolicy: Sometimes",
        expect![[
            r#"6:42 error spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never""#
        ]],
    );
    check_container(
        "terminationMessagePolicy: Log",
        expect![[
            r#"6:51 error spec.containers[0].terminationMessagePolicy: Unsupported value: "Log": supported values: "File", "FallbackToLogsOnError""#
        ]],
    );
}

#[test]
fn ports() {
    check_container(
        "ports: [{containerPort: 0}, {name: x}, {containerPort: 70000}, {containerPort: 1, hostPort: -1}]",
        expect![[r#"
            6:49 error spec.containers[0].ports[0].containerPort: Required value
            6:54 error spec.containers[0].ports[1].containerPort: Required value
            6:80 error spec.containers[0].ports[2].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive
            6:117 error spec.containers[0].ports[3].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive"#]],
    );
    check_container(
        "ports: [{containerPort: 1, protocol: tcp}, {containerPort: 2, hostIP: 1.2.3}]",
        expect![[r#"
            6:62 error spec.containers[0].ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"
            6:95 error spec.containers[0].ports[1].hostIP: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#]],
    );
    check_container(
        "ports: [{containerPort: 1, name: web}, {containerPort: 2, name: web}]",
        expect![[r#"6:89 error spec.containers[0].ports[1].name: Duplicate value: "web""#]],
    );
    check_container(
        "ports: [{containerPort: 1, name: a--b_}, {containerPort: 2, name: '80'}, {containerPort: 3, name: much-too-long-a-name}]",
        expect![[r#"
            6:58 error spec.containers[0].ports[0].name: Invalid value: "a--b_": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)
            6:58 error spec.containers[0].ports[0].name: Invalid value: "a--b_": must not contain consecutive hyphens
            6:91 error spec.containers[0].ports[1].name: Invalid value: "80": must contain at least one letter (a-z)
            6:123 error spec.containers[0].ports[2].name: Invalid value: "much-too-long-a-name": must be no more than 15 bytes"#]],
    );
    check_container(
        "ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}, {containerPort: 2, hostPort: 80, protocol: UDP}]",
        expect![[r#"6:96 error spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80""#]],
    );
    check(
        "  hostNetwork: true\n  containers:\n  - {name: c, image: i, ports: [{containerPort: 80, hostPort: 81}, {containerPort: 82}]}\n",
        expect![
            "7:63 error spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"
        ],
    );
}

#[test]
fn environment() {
    check_container(
        "env: [{value: x}, {name: a=b}, {name: 'a b', value: x}, {name: é}]",
        expect![[r#"
            6:32 error spec.containers[0].env[0].name: Required value
            6:50 error spec.containers[0].env[1].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='
            6:88 error spec.containers[0].env[3].name: Invalid value: "é": a valid environment variable name must consist only of printable ASCII characters other than '='"#]],
    );
    check_container(
        "env: [{name: a, valueFrom: {}}, {name: b, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
        expect![[r#"
            6:41 error spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`
            6:77 error spec.containers[0].env[1].valueFrom: Invalid value: "": may not be specified when `value` is not empty"#]],
    );
    check_container(
        "env: [{name: a, valueFrom: {fieldRef: {fieldPath: metadata.name}, secretKeyRef: {name: s, key: k}}}]",
        expect![[
            r#"6:41 error spec.containers[0].env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time"#
        ]],
    );
    check_container(
        "env: [{name: a, valueFrom: {fieldRef: {}}}, {name: b, valueFrom: {fieldRef: {fieldPath: spec.image}}}, {name: c, valueFrom: {fieldRef: {fieldPath: status.phase}}}]",
        expect![[r#"
            6:53 error spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Required value
            6:113 error spec.containers[0].env[1].valueFrom.fieldRef.fieldPath: Invalid value: "spec.image": error converting fieldPath: field label not supported: spec.image
            6:172 error spec.containers[0].env[2].valueFrom.fieldRef.fieldPath: Unsupported value: "status.phase": supported values: "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs""#]],
    );
    check_container(
        "env: [{name: a, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['a b']\"}}}, {name: b, valueFrom: {fieldRef: {fieldPath: \"metadata.name['x']\"}}}]",
        expect![[r#"
            6:53 error spec.containers[0].env[0].valueFrom.fieldRef: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
            6:126 error spec.containers[0].env[1].valueFrom.fieldRef: Invalid value: "metadata.name": does not support subscript"#]],
    );
    check_container(
        "env: [{name: a, valueFrom: {configMapKeyRef: {name: A, key: '..'}}}, {name: b, valueFrom: {secretKeyRef: {name: s}}}, {name: c, valueFrom: {secretKeyRef: {name: s, key: a b}}}]",
        expect![[r#"
            6:77 error spec.containers[0].env[0].valueFrom.configMapKeyRef.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            6:85 error spec.containers[0].env[0].valueFrom.configMapKeyRef.key: Invalid value: "..": must not be '..'
            6:116 error spec.containers[0].env[1].valueFrom.secretKeyRef.key: Required value
            6:194 error spec.containers[0].env[2].valueFrom.secretKeyRef.key: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name', or 'KEY_NAME', or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"#]],
    );
    check_container(
        "env: [{name: a, valueFrom: {resourceFieldRef: {}}}, {name: b, valueFrom: {resourceFieldRef: {resource: limits.gpu}}}, {name: c, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1Mi}}}]",
        expect![[r#"
            6:53 error spec.containers[0].env[0].valueFrom.resourceFieldRef.resource: Required value
            6:128 error spec.containers[0].env[1].valueFrom.resourceFieldRef.resource: Unsupported value: "limits.gpu": supported values: "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"
            6:215 error spec.containers[0].env[2].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource"#]],
    );
    check_container(
        "env: [{name: a, valueFrom: {fileKeyRef: {path: ../x}}}]",
        expect![[r#"
        6:53 error spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Required value
        6:53 error spec.containers[0].env[0].valueFrom.fileKeyRef.key: Required value
        6:72 error spec.containers[0].env[0].valueFrom.fileKeyRef.path: Invalid value: "../x": must not contain '..'"#]],
    );
    check_container(
        "envFrom: [{}, {prefix: 'a=', configMapRef: {name: m}}, {configMapRef: {name: ''}}, {configMapRef: {name: m}, secretRef: {name: S}}]",
        expect![[r#"
            6:25 error spec.containers[0].envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`
            6:25 error spec.containers[0].envFrom: Invalid value: "": may not have more than one field specified at a time
            6:48 error spec.containers[0].envFrom[1].prefix: Invalid value: "a=": a valid environment variable name must consist only of printable ASCII characters other than '='
            6:102 error spec.containers[0].envFrom[2].configMapRef.name: Required value
            6:152 error spec.containers[0].envFrom[3].secretRef.name: Invalid value: "S": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#]],
    );
}

#[test]
fn volumes() {
    check_field(
        "volumes: [{emptyDir: {}}, {name: A, emptyDir: {}}, {name: v}, {name: v}]",
        expect![[r#"
            6:14 error spec.volumes[0].name: Required value
            6:36 error spec.volumes[1].name: Invalid value: "A": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')
            6:72 error spec.volumes[3].name: Duplicate value: "v""#]],
    );
    check_field(
        "volumes: [{name: v, emptyDir: {sizeLimit: -1}, hostPath: {path: /x}}]",
        expect![[r#"
            6:23 error spec.volumes[0].emptyDir: Forbidden: may not specify more than 1 volume type
            6:45 error spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"#]],
    );
    check_field(
        "volumes: [{name: a, hostPath: {}}, {name: b, hostPath: {path: /a/../b, type: Dir}}]",
        expect![[r#"
            6:23 error spec.volumes[0].hostPath.path: Required value
            6:65 error spec.volumes[1].hostPath.path: Invalid value: "/a/../b": must not contain '..'
            6:80 error spec.volumes[1].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket""#]],
    );
    check_field(
        "volumes: [{name: a, secret: {}}, {name: b, secret: {secretName: s, defaultMode: 0o1000, items: [{key: k}, {path: /p, mode: -1}]}}]",
        expect![[r#"
            6:23 error spec.volumes[0].secret.secretName: Required value
            6:83 error spec.volumes[1].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive
            6:100 error spec.volumes[1].secret.items[0].path: Required value
            6:110 error spec.volumes[1].secret.items[1].key: Required value
            6:116 error spec.volumes[1].secret.items[1].path: Invalid value: "/p": must be a relative path
            6:126 error spec.volumes[1].secret.items[1].mode: Invalid value: -1: must be a number between 0 and 0777 (octal), both inclusive"#]],
    );
    check_field(
        "volumes: [{name: a, configMap: {}}, {name: b, configMap: {name: m, items: [{key: k, path: ..x}]}}]",
        expect![[r#"
            6:23 error spec.volumes[0].configMap.name: Required value
            6:93 error spec.volumes[1].configMap.items[0].path: Invalid value: "..x": must not start with '..'"#]],
    );
    check_field(
        "volumes: [{name: a, downwardAPI: {items: [{path: p}, {fieldRef: {fieldPath: status.podIP}, path: q}, {path: r, resourceFieldRef: {resource: limits.cpu}}]}}]",
        expect![[r#"
            6:46 error spec.volumes[0].downwardAPI.items[0]: Required value: one of fieldRef and resourceFieldRef is required
            6:79 error spec.volumes[0].downwardAPI.items[1].fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"
            6:114 error spec.volumes[0].downwardAPI.items[2].resourceFieldRef.containerName: Required value"#]],
    );
    check_field(
        "volumes: [{name: a, persistentVolumeClaim: {}}, {name: b, image: {}}]",
        expect![[r#"
            6:23 error spec.volumes[0].persistentVolumeClaim.claimName: Required value
            6:61 error spec.volumes[1].image.reference: Required value"#]],
    );
    check_field(
        "volumes: [{name: a, projected: {sources: [{secret: {}}, {serviceAccountToken: {expirationSeconds: 5}}, {secret: {name: s, items: [{key: k, path: p}]}, configMap: {name: m, items: [{key: k, path: p}]}}]}}]",
        expect![[r#"
            6:23 error spec.volumes[0].projected: Invalid value: "m": conflicting duplicate paths
            6:46 error spec.volumes[0].projected.sources[0].secret.name: Required value
            6:60 error spec.volumes[0].projected.sources[1].serviceAccountToken.path: Required value
            6:101 error spec.volumes[0].projected.sources[1].serviceAccountToken.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes
            6:107 error spec.volumes[0].projected.sources[2]: Forbidden: may not specify more than 1 volume type per source"#]],
    );
}

#[test]
fn volume_mounts_and_devices() {
    check_container(
        "volumeMounts: [{name: x, mountPath: /x}]",
        expect![[r#"6:47 error spec.containers[0].volumeMounts[0].name: Not found: "x""#]],
    );
    check(
        "  volumes: [{name: v}]\n  containers:\n  - {name: c, image: i, volumeMounts: [{name: v}, {mountPath: /a}, {name: v, mountPath: /a}]}\n",
        expect![[r#"
            7:41 error spec.containers[0].volumeMounts[0].mountPath: Required value
            7:52 error spec.containers[0].volumeMounts[1].name: Required value
            7:52 error spec.containers[0].volumeMounts[1].name: Not found: ""
            7:89 error spec.containers[0].volumeMounts[2].mountPath: Invalid value: "/a": must be unique"#]],
    );
    check(
        "  volumes: [{name: v}]\n  containers:\n  - {name: c, image: i, volumeMounts: [{name: v, mountPath: /a, subPath: /b}, {name: v, mountPath: /c, subPath: ../d, subPathExpr: e}]}\n",
        expect![[r#"
            7:74 error spec.containers[0].volumeMounts[0].subPath: Invalid value: "/b": must be a relative path
            7:113 error spec.containers[0].volumeMounts[1].subPath: Invalid value: "../d": must not contain '..'
            7:132 error spec.containers[0].volumeMounts[1].subPathExpr: Invalid value: "e": subPathExpr and subPath are mutually exclusive"#]],
    );
    check(
        "  volumes: [{name: v}]\n  containers:\n  - {name: c, image: i, volumeMounts: [{name: v, mountPath: /a, mountPropagation: Bidirectional}, {name: v, mountPath: /b, recursiveReadOnly: Enabled}, {name: v, mountPath: /c, mountPropagation: Both}]}\n",
        expect![[r#"
            7:83 error spec.containers[0].volumeMounts[0].mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers
            7:143 error spec.containers[0].volumeMounts[1].recursiveReadOnly: Forbidden: may only be specified when readOnly is true
            7:196 error spec.containers[0].volumeMounts[2].mountPropagation: Unsupported value: "Both": supported values: "Bidirectional", "HostToContainer", "None""#]],
    );
    check(
        "  volumes: [{name: v}]\n  containers:\n  - {name: c, image: i, volumeMounts: [{name: v, mountPath: /a}], volumeDevices: [{name: v, devicePath: /a}, {name: v, devicePath: ../b}, {name: x}]}\n",
        expect![[r#"
            7:47 error spec.containers[0].volumeMounts[0].name: Invalid value: "v": must not already exist in volumeDevices
            7:61 error spec.containers[0].volumeMounts[0].mountPath: Invalid value: "/a": must not already exist as a path in volumeDevices
            7:90 error spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode
            7:117 error spec.containers[0].volumeDevices[1].name: Invalid value: "v": must be unique
            7:117 error spec.containers[0].volumeDevices[1].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode
            7:132 error spec.containers[0].volumeDevices[1].devicePath: Invalid value: "../b": can not contain backsteps ('..')
            7:140 error spec.containers[0].volumeDevices[2].devicePath: Required value
            7:146 error spec.containers[0].volumeDevices[2].name: Not found: "x""#]],
    );
}

#[test]
fn probes() {
    check_container(
        "livenessProbe: {}",
        expect![
            "6:25 error spec.containers[0].livenessProbe: Required value: must specify a handler type"
        ],
    );
    check_container(
        "livenessProbe: {exec: {}, httpGet: {port: 80}}",
        expect![[r#"
        6:41 error spec.containers[0].livenessProbe.exec.command: Required value
        6:51 error spec.containers[0].livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type"#]],
    );
    check_container(
        "readinessProbe: {httpGet: {path: /x}}",
        expect![
            "6:42 error spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive"
        ],
    );
    check_container(
        "readinessProbe: {httpGet: {port: 0, scheme: ftp, httpHeaders: [{name: 'a b', value: x}]}}",
        expect![[r#"
            6:58 error spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive
            6:69 error spec.containers[0].readinessProbe.httpGet.scheme: Unsupported value: "ftp": supported values: "HTTP", "HTTPS"
            6:74 error spec.containers[0].readinessProbe.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"#]],
    );
    check_container(
        "readinessProbe: {tcpSocket: {port: No}, successThreshold: 3, terminationGracePeriodSeconds: 1}",
        expect![[r#"
            6:60 error json: cannot unmarshal bool into Go struct field TCPSocketAction.spec.containers.readinessProbe.tcpSocket.port of type intstr.IntOrString
            6:117 error spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes"#]],
    );
    check_container(
        "startupProbe: {grpc: {port: 70000}, successThreshold: 2}",
        expect![[r#"
        6:53 error spec.containers[0].startupProbe.grpc.port: Invalid value: 70000: must be between 1 and 65535, inclusive
        6:79 error spec.containers[0].startupProbe.successThreshold: Invalid value: 2: must be 1"#]],
    );
    check_container(
        "livenessProbe: {exec: {command: [x]}, initialDelaySeconds: -1, timeoutSeconds: -1, periodSeconds: -1, successThreshold: -1, failureThreshold: -1, terminationGracePeriodSeconds: 0}",
        expect![[r#"
            6:84 error spec.containers[0].livenessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0
            6:104 error spec.containers[0].livenessProbe.timeoutSeconds: Invalid value: -1: must be greater than or equal to 0
            6:123 error spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0
            6:145 error spec.containers[0].livenessProbe.successThreshold: Invalid value: -1: must be greater than or equal to 0
            6:145 error spec.containers[0].livenessProbe.successThreshold: Invalid value: -1: must be 1
            6:167 error spec.containers[0].livenessProbe.failureThreshold: Invalid value: -1: must be greater than or equal to 0
            6:202 error spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0"#]],
    );
}

#[test]
fn lifecycle() {
    check_container(
        "lifecycle: {postStart: {}, preStop: {exec: {command: []}}}",
        expect![[r#"
        6:37 error spec.containers[0].lifecycle.postStart: Required value: must specify a handler type
        6:69 error spec.containers[0].lifecycle.preStop.exec.command: Required value"#]],
    );
    check_container(
        "lifecycle: {preStop: {sleep: {seconds: 31}}, postStart: {sleep: {seconds: -1}, exec: {command: [x]}}}",
        expect![[r#"
            6:47 error spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)
            6:82 error spec.containers[0].lifecycle.postStart.sleep: Forbidden: may not specify more than 1 handler type"#]],
    );
    check_container(
        "lifecycle: {stopSignal: SIGUSR1}",
        expect![
            "6:49 error spec.containers[0].lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"
        ],
    );
    check(
        "  os: {name: linux}\n  containers:\n  - {name: c, image: i, lifecycle: {stopSignal: USR1}}\n  - {name: d, image: i, lifecycle: {stopSignal: SIGRTMIN+3}}\n",
        expect![[
            r#"7:49 error spec.containers[0].lifecycle.stopSignal: Unsupported value: "USR1": supported values: "SIGABRT", "SIGALRM", "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO", "SIGIOT", "SIGKILL", "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGRTMAX", "SIGRTMIN", "SIGSEGV", "SIGSTKFLT", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "SIGXCPU", "SIGXFSZ""#
        ]],
    );
}

#[test]
fn init_containers() {
    check(
        "  containers: [{name: c, image: i}]\n  initContainers:\n  - {name: c, image: i}\n  - {name: d, image: i, lifecycle: {}, livenessProbe: {}, readinessProbe: {}, startupProbe: {}}\n  - {name: d, image: i}\n",
        expect![[r#"
            7:12 error spec.initContainers[0].name: Duplicate value: "c"
            8:25 error spec.initContainers[1].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always
            8:40 error spec.initContainers[1].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always
            8:59 error spec.initContainers[1].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always
            8:79 error spec.initContainers[1].startupProbe: Forbidden: may not be set for init containers without restartPolicy=Always
            9:12 error spec.initContainers[2].name: Duplicate value: "d""#]],
    );
    check(
        "  containers: [{name: c, image: i}]\n  initContainers:\n  - {name: s, image: i, restartPolicy: Always, readinessProbe: {}}\n  - {name: t, image: i, restartPolicy: Sometimes}\n",
        expect![[r#"
            7:48 error spec.initContainers[0].readinessProbe: Required value: must specify a handler type
            8:40 error spec.initContainers[1].restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure""#]],
    );
}

#[test]
fn restart_rules() {
    check_container(
        "restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]",
        expect![
            "6:6 error spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used"
        ],
    );
    check_container(
        "restartPolicy: Never, restartPolicyRules: [{action: Stop}, {action: Restart, exitCodes: {operator: Is, values: [1]}}]",
        expect![[r#"
            6:69 error spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified
            6:77 error spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart", "RestartAllContainers"
            6:124 error spec.containers[0].restartPolicyRules[1].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn""#]],
    );
    check_container(
        "restartPolicy: Never, restartPolicyRules: [{action: RestartAllContainers, exitCodes: {operator: NotIn, values: [0]}}]",
        expect![[""]],
    );
    let rules = "{action: Restart, exitCodes: {operator: In, values: [1]}}, ".repeat(21);
    check_container(
        &format!("restartPolicy: OnFailure, restartPolicyRules: [{rules}]"),
        expect![
            "6:51 error spec.containers[0].restartPolicyRules: Too many: 21: must have at most 20 items"
        ],
    );
}

#[test]
fn ephemeral_containers() {
    check(
        "  containers: [{name: c, image: i}]\n  ephemeralContainers:\n  - {name: c, image: i, targetContainerName: x, ports: [{containerPort: 1}], livenessProbe: {exec: {command: [x]}}}\n  - {name: d, image: i, targetContainerName: c}\n",
        expect![[r#"
            7:12 error spec.ephemeralContainers[0].name: Duplicate value: "c"
            7:46 error spec.ephemeralContainers[0].targetContainerName: Not found: "x"
            7:49 error spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container
            7:78 error spec.ephemeralContainers[0].livenessProbe: Forbidden: cannot be set for an Ephemeral Container"#]],
    );
    check_container(
        "targetContainerName: c",
        expect![[
            r#"6:25 error strict decoding error: unknown field "spec.containers[0].targetContainerName""#
        ]],
    );
}

#[test]
fn resources() {
    check_container(
        "resources: {limits: {cpu: lots, memory: 1Xi}}",
        expect![[r#"
        6:51 error quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'
        6:65 error quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"#]],
    );
    check_container(
        "resources: {limits: {cpu: 1, memory: 200Mi}, requests: {cpu: 2, memory: 500Mi}}",
        expect![[r#"
            6:70 error spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1
            6:70 error spec.containers[0].resources.requests: Invalid value: "500Mi": must be less than or equal to memory limit of 200Mi"#]],
    );
    check_container(
        "resources: {limits: {cpus: 1, memory: -1, example.com/gpu: 1.5, 'a b/c': 1}}",
        expect![[r#"
            6:52 error spec.containers[0].resources.limits[cpus]: Invalid value: "cpus": must be a standard resource type or fully qualified
            6:52 error spec.containers[0].resources.limits[cpus]: Invalid value: "cpus": must be a standard resource for containers
            6:63 error spec.containers[0].resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0
            6:84 error spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "1500m": must be an integer
            6:98 error spec.containers[0].resources.limits[a b/c]: Invalid value: "a b/c": prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#]],
    );
    check_container(
        "resources: {requests: {example.com/gpu: 1}}",
        expect![
            "6:25 error spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources"
        ],
    );
    check_container(
        "resources: {limits: {example.com/gpu: 2}, requests: {example.com/gpu: 1}}",
        expect![[
            r#"6:67 error spec.containers[0].resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2"#
        ]],
    );
    check_container(
        "resizePolicy: [{resourceName: cpu}, {resourceName: cpu, restartPolicy: Restart}, {resourceName: disk, restartPolicy: NotRequired}]",
        expect![[r#"
            6:25 error spec.containers[0].resizePolicy: Required value
            6:25 error spec.containers[0].resizePolicy: Unsupported value: "Restart": supported values: "NotRequired", "RestartContainer"
            6:25 error spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"
            6:62 error spec.containers[0].resizePolicy[1]: Duplicate value: "cpu""#]],
    );
    check(
        "  restartPolicy: Never\n  containers: [{name: c, image: i, resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]}]\n",
        expect![[
            r#"6:36 error spec.containers[0].resizePolicy: Invalid value: "RestartContainer": must be 'NotRequired' when `restartPolicy` is 'Never'"#
        ]],
    );
    check(
        "  resources: {limits: {cpu: 1, disk: 1}, requests: {memory: 1Mi}}\n  containers: [{name: c, image: i, resources: {limits: {cpu: 2}, requests: {memory: 2Mi}}}]\n",
        expect![[r#"
            5:3 error spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1
            5:38 error spec.resources.limits[disk]: Unsupported value: "disk": supported values: "cpu", "hugepages-", "memory"
            5:42 error spec.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1
            5:61 error spec.resources.requests[memory]: Invalid value: "1Mi": must be greater than or equal to aggregate container requests of 2Mi"#]],
    );
}

#[test]
fn security() {
    check_container(
        "securityContext: {runAsUser: -1, runAsGroup: 3000000000, procMount: None}",
        expect![[r#"
            6:54 error spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive
            6:70 error spec.containers[0].securityContext.runAsGroup: Invalid value: 3000000000: must be between 0 and 2147483647, inclusive
            6:93 error spec.containers[0].securityContext.procMount: Unsupported value: "None": supported values: "Default", "Unmasked""#]],
    );
    check_container(
        "securityContext: {allowPrivilegeEscalation: false, privileged: true, capabilities: {add: [CAP_SYS_ADMIN]}}",
        expect![[r#"
            6:25 error spec.containers[0].securityContext: Invalid value: {"allowPrivilegeEscalation":false,"capabilities":{"add":["CAP_SYS_ADMIN"]},"privileged":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true
            6:25 error spec.containers[0].securityContext: Invalid value: {"allowPrivilegeEscalation":false,"capabilities":{"add":["CAP_SYS_ADMIN"]},"privileged":true}: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"#]],
    );
    check_container(
        "securityContext: {seccompProfile: {type: Localhost}}",
        expect![
            "6:43 error spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"
        ],
    );
    check_field(
        "securityContext: {fsGroup: -1, supplementalGroups: [1, -2], fsGroupChangePolicy: Never, supplementalGroupsPolicy: None, seccompProfile: {type: RuntimeDefault, localhostProfile: x}}",
        expect![[r#"
            6:30 error spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive
            6:58 error spec.securityContext.supplementalGroups[1]: Invalid value: -2: must be between 0 and 2147483647, inclusive
            6:84 error spec.securityContext.fsGroupChangePolicy: Unsupported value: "Never": supported values: "Always", "OnRootMismatch"
            6:117 error spec.securityContext.supplementalGroupsPolicy: Unsupported value: "None": supported values: "Merge", "Strict"
            6:180 error spec.securityContext.seccompProfile.localhostProfile: Invalid value: "x": can only be set when seccomp type is Localhost"#]],
    );
    check_field(
        "securityContext: {sysctls: [{value: x}, {name: A, value: x}, {name: net.ipv4.tcp_syncookies, value: '1'}, {name: net.ipv4.tcp_syncookies, value: '1'}], seccompProfile: {type: Strict}}",
        expect![[r#"
            6:32 error spec.securityContext.sysctls[0].name: Required value
            6:50 error spec.securityContext.sysctls[1].name: Invalid value: "A": must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$
            6:116 error spec.securityContext.sysctls[3].name: Duplicate value: "net.ipv4.tcp_syncookies"
            6:178 error spec.securityContext.seccompProfile.type: Unsupported value: "Strict": supported values: "Localhost", "RuntimeDefault", "Unconfined""#]],
    );
}

#[test]
fn pod_fields() {
    check_field(
        "restartPolicy: Sometimes",
        expect![[
            r#"6:18 error spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never""#
        ]],
    );
    check_field(
        "dnsPolicy: Mine",
        expect![[
            r#"6:14 error spec.dnsPolicy: Unsupported value: "Mine": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None""#
        ]],
    );
    check_field(
        "dnsPolicy: None",
        expect![
            "4:1 error spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"
        ],
    );
    check_field(
        "dnsPolicy: None\n  dnsConfig: {searches: [a]}",
        expect![
            "7:3 error spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None"
        ],
    );
    check_field(
        "dnsConfig: {nameservers: [a, 010.0.0.1, '::ffff:1.2.3.4', '2001:DB8::1'], searches: [., a_b., 'C'], options: [{value: x}]}",
        expect![[r#"
            6:15 error spec.dnsConfig.nameservers: Invalid value: ["a","010.0.0.1","::ffff:1.2.3.4","2001:DB8::1"]: must not have more than 3 nameservers
            6:29 error spec.dnsConfig.nameservers[0]: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
            6:32 error spec.dnsConfig.nameservers[1]: Invalid value: "010.0.0.1": must not have leading 0s
            6:43 error spec.dnsConfig.nameservers[2]: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address
            6:61 error spec.dnsConfig.nameservers[3]: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")
            6:97 error spec.dnsConfig.searches[2]: Invalid value: "C": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')
            6:114 error spec.dnsConfig.options[0]: Required value: must not be empty"#]],
    );
    check_field(
        "terminationGracePeriodSeconds: -1",
        expect![
            "6:34 error spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0"
        ],
    );
    check_field(
        "activeDeadlineSeconds: 0",
        expect![
            "6:26 error spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"
        ],
    );
    check_field(
        "hostname: a.b\n  subdomain: C",
        expect![[r#"
        6:13 error spec.hostname: Invalid value: "a.b": must not contain dots
        7:14 error spec.subdomain: Invalid value: "C": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name', or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"#]],
    );
    check_field(
        "nodeName: NN\n  serviceAccountName: S\n  priorityClassName: P\n  runtimeClassName: R",
        expect![[r#"
            6:13 error spec.nodeName: Invalid value: "NN": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            7:23 error spec.serviceAccountName: Invalid value: "S": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            8:22 error spec.priorityClassName: Invalid value: "P": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
            9:21 error spec.runtimeClassName: Invalid value: "R": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#]],
    );
    check_field(
        "nodeSelector: {'a b': c d}",
        expect![[r#"
        6:25 error spec.nodeSelector: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
        6:25 error spec.nodeSelector: Invalid value: "c d": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"#]],
    );
    check_field(
        "shareProcessNamespace: true\n  hostPID: true",
        expect![
            "6:26 error spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled"
        ],
    );
    check_field(
        "hostUsers: false\n  hostNetwork: true\n  hostIPC: true",
        expect![[r#"
        7:16 error spec.hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false
        8:12 error spec.HostIPC: Forbidden: when `pod.Spec.HostUsers` is false"#]],
    );
    check_field(
        "hostAliases: [{ip: x, hostnames: [a_b]}]",
        expect![[r#"
        6:22 error spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)
        6:37 error spec.hostAliases[0].hostnames[0]: Invalid value: "a_b": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"#]],
    );
    check_field(
        "tolerations: [{operator: Equal}, {key: k, operator: Exists, value: v}, {key: k, operator: Is}, {key: k, operator: Gt, value: v}, {key: a b, effect: Never, tolerationSeconds: 1, operator: Exists}, {key: k, value: a b}]",
        expect![[r#"
            6:28 error spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"
            6:55 error spec.tolerations[1].operator: Invalid value: "v": value must be empty when `operator` is 'Exists'
            6:93 error spec.tolerations[2].operator: Unsupported value: "Is": supported values: "Equal", "Exists", "Lt", "Gt"
            6:117 error spec.tolerations[3].operator: Invalid value: "v": value must be a valid integer for comparison operators
            6:138 error spec.tolerations[4].key: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
            6:151 error spec.tolerations[4].effect: Invalid value: "Never": effect must be 'NoExecute' when `tolerationSeconds` is set
            6:151 error spec.tolerations[4].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"
            6:200 error spec.tolerations[5].operator: Invalid value: "a b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue', or 'my_value', or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"#]],
    );
    check_field(
        "readinessGates: [{conditionType: a b}]",
        expect![[
            r#"6:36 error spec.readinessGates[0].conditionType: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"#
        ]],
    );
    check_field(
        "preemptionPolicy: Maybe\n  os: {name: plan9}",
        expect![[r#"
        6:21 error spec.preemptionPolicy: Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"
        7:14 error spec.os.name: Unsupported value: "plan9": supported values: "linux", "windows""#]],
    );
}
