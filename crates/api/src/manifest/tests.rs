//! Whole manifests: what is taken of them, what is said of them, and where.

use expect_test::{Expect, expect};

use super::parse;

/// Problems, notes and Pods, one per line.
fn check(text: &str, expected: Expect) {
    let manifest = parse(text);
    let mut out = String::new();
    for problem in &manifest.problems {
        out.push_str(&format!("{problem}\n"));
    }
    for note in &manifest.unsimulated {
        out.push_str(&format!("~ {note}\n"));
    }
    for pod in &manifest.pods {
        out.push_str(&format!("= {pod:?}\n"));
    }
    expected.assert_eq(&out);
}

#[test]
fn a_pod() {
    check(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: app\n    image: nginx\n",
        expect![[r#"
            = {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"containers":[{"image":"nginx","name":"app","resources":{}}]},"status":{}}
        "#]],
    );
}

#[test]
fn strict_decoding() {
    check(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  lables: {a: b}\nspec:\n  foo: 1\n  containers:\n  - name: app\n    image: nginx\n    env:\n    - nome: x\n      name: y\nextra: 1\n",
        expect![[r#"
            5:3 error strict decoding error: unknown field "metadata.lables"
            7:3 error strict decoding error: unknown field "spec.foo"
            12:7 error strict decoding error: unknown field "spec.containers[0].env[0].nome"
            13:13 error json: cannot unmarshal bool into Go struct field EnvVar.spec.containers.env.name of type string
            14:1 error strict decoding error: unknown field "extra"
        "#]],
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: app\n    image: nginx\n    name: twice\n",
        expect![[r#"
            8:5 error key "name" already set in map
        "#]],
    );
}

#[test]
fn wrong_types() {
    let spec =
        |spec: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {spec}\n");
    check(
        &spec("x"),
        expect![[r#"
        4:7 error json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec
    "#]],
    );
    check(
        &spec("{containers: x}"),
        expect![[r#"
        4:20 error json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container
    "#]],
    );
    check(
        &spec("{containers: {name: c}}"),
        expect![[r#"
        4:20 error json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container
    "#]],
    );
    check(
        &spec("{containers: [x, {name: 5, image: [i]}]}"),
        expect![[r#"
        4:21 error json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type v1.Container
        4:31 error json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string
        4:41 error json: cannot unmarshal array into Go struct field Container.spec.containers.image of type string
    "#]],
    );
    check(
        &spec(
            "{containers: [{name: c, image: i, ports: web, env: [{name: a, value: on}, {name: b, value: 1.5}], args: [1, x]}]}",
        ),
        expect![[r#"
            4:48 error json: cannot unmarshal string into Go struct field Container.spec.containers.ports of type []v1.ContainerPort
            4:76 error json: cannot unmarshal bool into Go struct field EnvVar.spec.containers.env.value of type string
            4:98 error json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string
            4:112 error json: cannot unmarshal number into Go struct field Container.spec.containers.args of type string
        "#]],
    );
    check(
        &spec(
            "{containers: [{name: c, image: i, ports: [{containerPort: '80'}, {containerPort: 3000000000}, {containerPort: 1.5}]}]}",
        ),
        expect![[r#"
            4:65 error json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32
            4:88 error json: cannot unmarshal number 3000000000 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32
            4:117 error json: cannot unmarshal number 1.5 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32
        "#]],
    );
    check(
        &spec(
            "{restartPolicy: 1, hostNetwork: 'true', terminationGracePeriodSeconds: 1m, containers: [{name: c, image: i, resources: x, livenessProbe: [x], securityContext: {capabilities: {add: NET_ADMIN}}}]}",
        ),
        expect![[r#"
            4:23 error json: cannot unmarshal number into Go struct field PodSpec.spec.restartPolicy of type v1.RestartPolicy
            4:39 error json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool
            4:78 error json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64
            4:126 error json: cannot unmarshal string into Go struct field Container.spec.containers.resources of type v1.ResourceRequirements
            4:144 error json: cannot unmarshal array into Go struct field Container.spec.containers.livenessProbe of type v1.Probe
            4:187 error json: cannot unmarshal string into Go struct field Capabilities.spec.containers.securityContext.capabilities.add of type []v1.Capability
        "#]],
    );
    check(
        &spec(
            "{affinity: x, topologySpreadConstraints: {maxSkew: 1}, overhead: x, volumes: [{name: v, nfs: {readOnly: 'no'}}], containers: [{name: c, image: i, resources: {limits: {cpu: [1]}}}]}",
        ),
        expect![[r#"
            4:18 error json: cannot unmarshal string into Go struct field PodSpec.spec.affinity of type v1.Affinity
            4:48 error json: cannot unmarshal object into Go struct field PodSpec.spec.topologySpreadConstraints of type []v1.TopologySpreadConstraint
            4:72 error json: cannot unmarshal string into Go struct field PodSpec.spec.overhead of type v1.ResourceList
            4:111 error json: cannot unmarshal string into Go struct field NFSVolumeSource.spec.volumes.nfs.readOnly of type bool
            4:179 error json: cannot unmarshal array into Go struct field ResourceRequirements.spec.containers.resources.limits of type resource.Quantity
            ~ 4:8 spec.affinity: scheduling is not simulated: there is one node, and the Pod is on it
            ~ 4:21 spec.topologySpreadConstraints: scheduling is not simulated: there is one node, and the Pod is on it
            ~ 4:95 spec.volumes[0].nfs: this kind of storage is not simulated
        "#]],
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: web\nspec: {containers: [{name: c, image: i}]}\n",
        expect![[r#"
            3:11 error json: cannot unmarshal string into Go struct field Pod.metadata of type v1.ObjectMeta
        "#]],
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: 1}, annotations: [x]}\nspec: {containers: [{name: c, image: i}]}\n",
        expect![[r#"
            3:33 error json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string
            3:50 error json: cannot unmarshal array into Go struct field ObjectMeta.metadata.annotations of type map[string]string
        "#]],
    );
}

#[test]
fn what_is_no_object() {
    check(
        "",
        expect![[r#"
        1:1 error there is no object in this text
    "#]],
    );
    check(
        "# only a comment\n---\n",
        expect![[r#"
        1:1 error there is no object in this text
    "#]],
    );
    check(
        "hello world",
        expect![[r#"
        1:1 error this is a string, not an object: an object starts with apiVersion and kind
    "#]],
    );
    check(
        "- a\n- b\n",
        expect![[r#"
        1:1 error this is a list, not an object: an object starts with apiVersion and kind
    "#]],
    );
    check(
        "a: b\n",
        expect![[r#"
        1:1 error error validating data: apiVersion not set
        1:1 error error validating data: kind not set
    "#]],
    );
    check(
        "apiVersion: v1\nkind: [Pod]\n",
        expect![[r#"
        2:7 error json: cannot unmarshal array into Go struct field .kind of type string
    "#]],
    );
    check(
        "apiVersion: v1\nkind: Podd\nmetadata: {name: x}\n",
        expect![[r#"
        2:7 error no kind "Podd" is registered for version "v1"
    "#]],
    );
    check(
        "apiVersion: apps/v1\nkind: Pod\n",
        expect![[r#"
        2:7 error no kind "Pod" is registered for version "apps/v1"
    "#]],
    );
    check(
        "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n",
        expect![[r#"
        2:7 note Service s is left out: only Pods are simulated
    "#]],
    );
    check(
        "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\n",
        expect![[r#"
        2:7 note Widget w is left out: only Pods are simulated
    "#]],
    );
    check(
        "kind: Pod\nspec: [\n",
        expect![[r#"
        2:8 error not valid YAML: while parsing a node, did not find expected node content
    "#]],
    );
}

#[test]
fn several_documents_and_lists() {
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {containers: [{name: c}]}\n---\nkind: : bad\n",
        expect![[r#"
            9:22 error spec.containers[0].image: Required value
            11:7 error not valid YAML: mapping values are not allowed in this context (a second `: ` on one line, or the line is indented too far)
            = {"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"image":"i","name":"c","resources":{}}]},"status":{}}
        "#]],
    );
    check(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}\n  spec: {containers: [{name: c, image: i}]}\n- kind: Pod\n- apiVersion: v1\n  kind: List\n  items: []\nextra: 1\n",
        expect![[r#"
            8:3 error error validating data: apiVersion not set
            12:1 error strict decoding error: unknown field "extra"
            = {"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"image":"i","name":"c","resources":{}}]},"status":{}}
        "#]],
    );
    check(
        r#"{"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [{"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}]}"#,
        expect![[r#"
            = {"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"image":"i","name":"c","resources":{}}]},"status":{}}
        "#]],
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: default}\nspec: {containers: [{name: c, image: i}]}\n",
        expect![[r#"
            8:18 error pods "a" already exists
            = {"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"image":"i","name":"c","resources":{}}]},"status":{}}
        "#]],
    );
}

#[test]
fn workloads() {
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  replicas: 3\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: c, image: i}]}\n",
        expect![[r#"
            2:7 note Deployment web is not simulated itself: its Pod template is taken for one Pod, web-5tkszj9wl9-kx2jb
            = {"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"web-5tkszj9wl9-","labels":{"app":"web","pod-template-hash":"5tkszj9wl9"},"name":"web-5tkszj9wl9-kx2jb","namespace":"shop","ownerReferences":[{"apiVersion":"apps/v1","blockOwnerDeletion":true,"controller":true,"kind":"ReplicaSet","name":"web-5tkszj9wl9","uid":"0fa6b725-d298-4cd4-8fa6-b825d298be87"}]},"spec":{"containers":[{"image":"i","name":"c","resources":{}}]},"status":{}}
        "#]],
    );
    check(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  serviceName: db\n  selector: {matchLabels: {app: db}}\n  template:\n    metadata: {labels: {app: db}}\n    spec: {containers: [{name: c, image: i, volumeMounts: [{name: data, mountPath: /data}]}]}\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n",
        expect![[r#"
            2:7 note StatefulSet db is not simulated itself: its Pod template is taken for one Pod, db-0
            ~ 10:3 spec.volumeClaimTemplates: this kind of storage is not simulated
            = {"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"app":"db","apps.kubernetes.io/pod-index":"0","statefulset.kubernetes.io/pod-name":"db-0"},"name":"db-0","ownerReferences":[{"apiVersion":"apps/v1","blockOwnerDeletion":true,"controller":true,"kind":"StatefulSet","name":"db","uid":"65d79e18-52b3-402d-a5d7-9d1852b38e7a"}]},"spec":{"containers":[{"image":"i","name":"c","resources":{},"volumeMounts":[{"mountPath":"/data","name":"data"}]}],"hostname":"db-0","subdomain":"db","volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data-db-0"}}]},"status":{}}
        "#]],
    );
    check(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec:\n  template:\n    spec: {restartPolicy: Never, containers: [{name: c, image: i}]}\n",
        expect![[r#"
            2:7 note Job once is not simulated itself: its Pod template is taken for one Pod, once-jzx9v
            = {"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"once-","labels":{"batch.kubernetes.io/job-name":"once","job-name":"once"},"name":"once-jzx9v","ownerReferences":[{"apiVersion":"batch/v1","blockOwnerDeletion":true,"controller":true,"kind":"Job","name":"once","uid":"3a4b798f-09df-4a27-ba4b-788f09df6874"}]},"spec":{"containers":[{"image":"i","name":"c","resources":{}}],"restartPolicy":"Never"},"status":{}}
        "#]],
    );
    check(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n  schedule: '0 0 * * *'\n  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: c, image: i}]}}}}\n",
        expect![[r#"
            2:7 note CronJob nightly is not simulated itself: its Pod template is taken for one Pod, nightly-29000000-2lwv4
            = {"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"nightly-29000000-","labels":{"batch.kubernetes.io/job-name":"nightly-29000000","job-name":"nightly-29000000"},"name":"nightly-29000000-2lwv4","ownerReferences":[{"apiVersion":"batch/v1","blockOwnerDeletion":true,"controller":true,"kind":"Job","name":"nightly-29000000","uid":"2b28ea0b-545d-4097-ab28-e90b545dcee4"}]},"spec":{"containers":[{"image":"i","name":"c","resources":{}}],"restartPolicy":"OnFailure"},"status":{}}
        "#]],
    );
    check(
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n  selector: {matchExpressions: [{key: app, operator: In, values: [agent]}, {key: x, operator: DoesNotExist}]}\n  template:\n    metadata: {labels: {app: agent}}\n    spec: {containers: [{name: c, image: i}]}\n",
        expect![[r#"
            2:7 note DaemonSet agent is not simulated itself: its Pod template is taken for one Pod, agent-brfxx
            = {"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"agent-","labels":{"app":"agent"},"name":"agent-brfxx","ownerReferences":[{"apiVersion":"apps/v1","blockOwnerDeletion":true,"controller":true,"kind":"DaemonSet","name":"agent","uid":"c062b847-eecc-4e22-8062-b947eecc4fd5"}]},"spec":{"containers":[{"image":"i","name":"c","resources":{}}]},"status":{}}
        "#]],
    );
    check(
        "apiVersion: extensions/v1beta1\nkind: ReplicaSet\nmetadata: {name: old}\nspec:\n  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}\n",
        expect![[r#"
            1:13 warning no matches for kind "ReplicaSet" in version "extensions/v1beta1" today; it is read as apps/v1
            2:7 note ReplicaSet old is not simulated itself: its Pod template is taken for one Pod, old-c575j
            = {"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"old-","labels":{"a":"b"},"name":"old-c575j","ownerReferences":[{"apiVersion":"apps/v1","blockOwnerDeletion":true,"controller":true,"kind":"ReplicaSet","name":"old","uid":"5a5a566c-3b36-4c3c-9a5a-576c3b36cdef"}]},"spec":{"containers":[{"image":"i","name":"c","resources":{}}]},"status":{}}
        "#]],
    );
    check(
        "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: rc}\nspec:\n  selector: {a: b}\n  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}\n",
        expect![[r#"
            2:7 note ReplicationController rc is not simulated itself: its Pod template is taken for one Pod, rc-rnm2s
            = {"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"rc-","labels":{"a":"b"},"name":"rc-rnm2s","ownerReferences":[{"apiVersion":"v1","blockOwnerDeletion":true,"controller":true,"kind":"ReplicationController","name":"rc","uid":"60caca83-9ebb-4352-a0ca-cb839ebb8505"}]},"spec":{"containers":[{"image":"i","name":"c","resources":{}}]},"status":{}}
        "#]],
    );
}

#[test]
fn workloads_with_mistakes() {
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replica: 3\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: wob}}\n    spec:\n      restartPolicy: Never\n      containers: [{name: c}]\n      nodeName: X\n",
        expect![[r#"
            5:3 error strict decoding error: unknown field "spec.replica"
            8:16 error spec.template.metadata.labels: Invalid value: {"app":"wob"}: `selector` does not match template `labels`
            10:22 error spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"
            11:21 error spec.template.spec.containers[0].image: Required value
            12:17 error spec.template.spec.nodeName: Invalid value: "X": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
        "#]],
    );
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {}\nspec: {selector: {}}\n",
        expect![[r#"
            3:1 error metadata.name: Required value: name or generateName is required
            4:1 error spec.template.spec.containers: Required value
            4:8 error spec.selector: Invalid value: {}: empty selector is invalid for deployment
        "#]],
    );
    check(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: many, template: x}\n",
        expect![[r#"
            4:1 error spec.selector: Required value
            4:18 error json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32
            4:34 error json: cannot unmarshal string into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec
        "#]],
    );
    check(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: c, image: i}]}}}\n",
        expect![[r#"
            4:19 error spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"
        "#]],
    );
    check(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {jobTemplate: {spec: {template: {spec: {restartPolicy: Always, containers: []}}}}}\n",
        expect![[r#"
            4:1 error spec.schedule: Required value
            4:62 error spec.jobTemplate.spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"
            4:70 error spec.jobTemplate.spec.template.spec.containers: Required value
        "#]],
    );
}

#[test]
fn unsimulated_fields_are_listed() {
    check(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  creationTimestamp: null\n  uid: x\nspec:\n  affinity:\n    nodeAffinity:\n      requiredDuringSchedulingIgnoredDuringExecution:\n        nodeSelectorTerms:\n        - matchExpressions:\n          - {key: k, operator: In, values: [v]}\n  tolerations: []\n  os: {name: windows}\n  volumes:\n  - name: v\n    nfs: {server: s, path: /p}\n  - name: w\n    emptyDir: {mode: 0o755}\n  containers:\n  - name: c\n    image: i\nstatus: {phase: Running}\n",
        expect![[r#"
            ~ 6:3 metadata.uid: the API server decides this itself
            ~ 8:3 spec.affinity: scheduling is not simulated: there is one node, and the Pod is on it
            ~ 14:3 spec.tolerations: scheduling is not simulated: there is one node, and the Pod is on it
            ~ 15:14 spec.os.name: the simulated node runs Linux
            ~ 18:5 spec.volumes[0].nfs: this kind of storage is not simulated
            ~ 20:16 spec.volumes[1].emptyDir.mode: this field is younger than the Kubernetes versions that are simulated
            ~ 24:1 status: the API server decides this itself
            = {"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"k","operator":"In","values":["v"]}]}]}}},"containers":[{"image":"i","name":"c","resources":{}}],"os":{"name":"windows"},"volumes":[{"name":"v","nfs":{"path":"/p","server":"s"}},{"emptyDir":{},"name":"w"}]},"status":{}}
        "#]],
    );
    check(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  affinity: {nodeAffinity: {preferred: 1}}\n  containers: [{name: c, image: i}]\n  resources: {limits: {pids: 100}}\n",
        expect![[r#"
            5:29 error strict decoding error: unknown field "spec.affinity.nodeAffinity.preferred"
            ~ 5:3 spec.affinity: scheduling is not simulated: there is one node, and the Pod is on it
            ~ 7:3 spec.resources: this field is younger than the Kubernetes versions that are simulated
        "#]],
    );
}

/// Reads all manifests under a directory, for instance a checkout of the Kubernetes documentation:
/// `MANIFESTS=…/content/en/examples cargo test -p api -- --ignored --nocapture`.
#[test]
#[ignore = "needs a directory of manifests in the environment variable MANIFESTS"]
// Neither is for the simulator to do; here they are what is asked for.
#[allow(clippy::print_stdout, clippy::disallowed_methods)]
fn real_manifests() {
    fn visit(path: &std::path::Path, files: &mut Vec<std::path::PathBuf>) {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).expect("a readable directory");
            entries.for_each(|entry| visit(&entry.expect("a readable entry").path(), files));
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml" || end == "json")
        {
            files.push(path.to_owned());
        }
    }
    let mut files = Vec::new();
    let directory = std::env::var_os("MANIFESTS").expect("MANIFESTS names a directory");
    visit(std::path::Path::new(&directory), &mut files);
    files.sort();
    let (mut pods, mut with_errors) = (0, 0);
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let manifest = parse(&text);
        pods += manifest.pods.len();
        if manifest.has_errors() {
            with_errors += 1;
            println!("{}", file.display());
            manifest.problems.iter().for_each(|problem| println!("    {problem}"));
        }
    }
    println!("{} files, {with_errors} with errors, {pods} Pods", files.len());
}
