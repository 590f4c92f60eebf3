//! What a step is, and why it happens, in plain words.
//!
//! A caption is attached to steps by a pattern over the step's key, never by its number, so that it
//! survives a change of the simulator: see [`trace::pattern`].
//!
//! `*` stands for anything. The first caption that fits is taken. A test fails where one fits no
//! step of the built-in scenarios.

use super::{Lang, fill};
use trace::listing::{describe_plan, short};
use trace::{
    Call, Effect, Event, EventId, FileContent, Outcome, PodRef, Subject, Trace, What, pattern,
};

/// A text and the steps that it is for.
#[derive(Clone, Copy, Debug)]
pub struct Caption {
    /// The pattern of the steps' keys.
    pub pattern: &'static str,
    /// English.
    pub en: &'static str,
    /// Simplified Chinese.
    pub zh: &'static str,
}

macro_rules! captions {
    ($($pattern:literal $en:literal $zh:literal)*) => {
        /// Every caption, the more particular before the more general.
        pub const CAPTIONS: &[Caption] = &[$(Caption { pattern: $pattern, en: $en, zh: $zh },)*];
    };
}

captions! {
    // The API server and the pod.
    "~pod-added"
        "Pod {pod} is bound to this node. The kubelet learns of it from the API server and starts a pod worker for it."
        "Pod {pod} 已绑定到本节点。kubelet 从 API server 得知后，为它启动一个 pod worker。"
    "~pod-updated"
        "The API object of {pod} changed. The pod worker will act on the new version."
        "{pod} 的 API 对象发生变化，pod worker 将按新版本处理。"
    "~pod-removed"
        "Everything of {pod} on the node has ended, so its API object may be deleted for good."
        "{pod} 在节点上的一切都已结束，其 API 对象可以彻底删除。"
    "~status Pending"
        "The status manager reports {pod} as Pending: accepted, but not every container has started yet."
        "status manager 上报 {pod} 处于 Pending：已被接受，但并非所有容器都已启动。"
    "~status Running"
        "The status manager reports {pod} as Running: it has its sandbox and all of its containers were created."
        "status manager 上报 {pod} 处于 Running：沙箱就绪，全部容器都已创建。"
    "~status Failed"
        "The containers of {pod} have ended, at least one of them badly, and none will start again: the pod Failed."
        "{pod} 的容器均已结束，且至少一个失败，不会再重启：Pod 的阶段为 Failed。"
    "~event BackOff"
        "Event BackOff: {message}. The kubelet waits longer after each failure: 10 s, 20 s, 40 s, up to 5 minutes."
        "事件 BackOff：{message}。每失败一次，kubelet 等待的时间就加倍：10 秒、20 秒、40 秒，最长 5 分钟。"
    "~event *"
        "The kubelet records an event for kubectl describe. {reason}: {message}"
        "kubelet 记录一条事件，可用 kubectl describe 看到。{reason}：{message}"

    // The kubelet's start.
    "> NewKubeletCommand @*"
        "The kubelet’s program begins: it reads its flags and its configuration file, and checks both."
        "kubelet 程序开始运行：读取命令行参数和配置文件，并逐一校验。"
    "> UnsecuredDependencies @*"
        "kubeDeps is made: what the kubelet depends on. RemoteRuntimeService is still nil in it."
        "构造 kubeDeps，即 kubelet 的各项依赖；此时其中的 RemoteRuntimeService 仍为 nil。"
    "> run @kubelet"
        "API clients, control groups, cAdvisor, container manager. Only then comes the runtime."
        "依次准备 API 客户端、控制组、cAdvisor 和容器管理器，然后才轮到运行时。"
    "> PreInitRuntimeService @*"
        "PreInitRuntimeService decides which runtime there is, and fills the client into kubeDeps."
        "PreInitRuntimeService 决定使用哪个运行时，并把客户端填入 kubeDeps。"
    "> runDockershim @*"
        "The runtime is Docker, so the kubelet first starts a CRI server inside itself: dockershim."
        "运行时是 Docker，因此 kubelet 先在自己内部启动一个 CRI 服务器：dockershim。"
    "> NewDockerService @*"
        "dockershim is built: its Docker client, its CNI plugins, its checkpoints."
        "构造 dockershim：Docker 客户端、CNI 插件、检查点。"
    "> NewDockerServer @*"
        "A gRPC server is put around dockershim."
        "在 dockershim 外面套上一个 gRPC 服务器。"
    "> Start @kubelet"
        "The server listens on dockershim.sock. From here on the kubelet can be its own client."
        "服务器开始监听 dockershim.sock。从此 kubelet 可以做自己的客户端。"
    "> NewRemoteRuntimeService @*"
        "The CRI client for pods and containers is made. It connects to the socket later, when it is first used."
        "创建用于 Pod 和容器的 CRI 客户端；真正连接套接字要等到第一次使用。"
    "> NewRemoteImageService @*"
        "The CRI client for images is made, on the same socket unless it was given another one."
        "创建用于镜像的 CRI 客户端；若未另行指定，使用同一个套接字。"
    "> RunKubelet @*"
        "Host name, node addresses, capabilities; then the kubelet itself is created."
        "确定主机名、节点地址和能力，然后创建 kubelet 本身。"
    "> createAndInitKubelet @*"
        "The kubelet is made, records its event “Starting kubelet.”, and starts garbage collection."
        "创建 kubelet，记录事件“Starting kubelet.”，并启动垃圾回收。"
    "> NewMainKubelet @*"
        "NewMainKubelet puts the kubelet together, part by part."
        "NewMainKubelet 逐个部件地组装 kubelet。"
    "> NewCache @*"
        "The pod cache: what the runtime last said of each pod."
        "Pod 缓存：运行时最近一次对每个 Pod 的报告。"
    "> NewBasicWorkQueue @*"
        "The work queue: which pod is due for its next sync, and when."
        "工作队列：哪个 Pod 该在何时进行下一次同步。"
    "> newPodWorkers @*"
        "The pod workers are given syncPod, syncTerminatingPod and syncTerminatedPod to call."
        "pod worker 得到要调用的三个函数：syncPod、syncTerminatingPod 和 syncTerminatedPod。"
    "> NewKubeGenericRuntimeManager @*"
        "The runtime manager is given the CRI client. It becomes the kubelet’s containerRuntime."
        "运行时管理器得到 CRI 客户端，它就是 kubelet 的 containerRuntime。"
    "> NewGenericPLEG @*"
        "PLEG is made; it will list the runtime’s containers each second."
        "创建 PLEG；它将每秒列出一次运行时中的容器。"
    "> NewManager @*"
        "The probe manager is made."
        "创建探针管理器。"
    "> getCgroupDriverFromCRI @*"
        "The kubelet asks the runtime which cgroup driver it uses, so that both agree."
        "kubelet 向运行时询问所用的 cgroup 驱动，以保证双方一致。"
    "> startKubelet @*"
        "The loops begin: volumes, node status, updateRuntimeUp, PLEG, and at last syncLoop."
        "各个循环开始运行：卷、节点状态、updateRuntimeUp、PLEG，最后是 syncLoop。"

    // SyncPod.
    "~plan-empty"
        "SyncPod compared the pod’s spec with what runs, and there is nothing to do."
        "SyncPod 将 Pod 的规约与实际运行情况比对，结果无事可做。"
    "~plan"
        "computePodActions compares the pod’s spec with what the runtime reports. The plan: {plan}."
        "computePodActions 将 Pod 的规约与运行时的报告比对，得出计划：{plan}。"
    "~step 0"
        "This run of SyncPod is over. The pod worker sleeps until something wakes it up."
        "本次 SyncPod 结束。pod worker 休眠，直到被再次唤醒。"
    "~step *"
        "SyncPod step {step}: {title}."
        "SyncPod 第 {step} 步：{title}。"
    "> SyncTerminatingPod @*"
        "The pod is being deleted or has finished, so its worker stops it instead of starting anything."
        "Pod 正在删除或已经结束，pod worker 转为停止它，而不再启动任何东西。"
    "> SyncPod @*"
        "The pod worker of {pod} wakes up and asks the runtime manager to make the node agree with the pod’s spec."
        "{pod} 的 pod worker 被唤醒，要求运行时管理器让节点的实际状态与 Pod 的规约一致。"
    "! SyncPod @*"
        "SyncPod ends with an error: {message}. The pod worker will try again in about ten seconds."
        "SyncPod 以错误结束：{message}。pod worker 大约十秒后重试。"
    "< SyncPod @*"
        "SyncPod has done what it planned, in {took}. Whatever happens next, PLEG will notice."
        "SyncPod 用 {took} 完成了计划。此后的变化由 PLEG 发现。"
    "> createPodSandbox @*"
        "SyncPod prepares a sandbox: names, labels, DNS, log directory, port mappings."
        "SyncPod 准备沙箱配置：名称、标签、DNS、日志目录、端口映射。"
    "> startContainer @*"
        "SyncPod starts {container}, in four parts: image, create, start, post-start hook."
        "SyncPod 启动 {container}，分四步：镜像、创建、启动、postStart 钩子。"
    "! startContainer @*"
        "{container} did not start: {message}."
        "{container} 未能启动：{message}。"
    "> killContainer @*"
        "The kubelet ends {container} and gives it its grace period."
        "kubelet 终止 {container}，并给予宽限期。"
    "> EnsureImageExists @*"
        "The image manager makes sure that image {image} is on the node, as the pull policy says."
        "镜像管理器按拉取策略确保镜像 {image} 在节点上。"
    "! EnsureImageExists @*"
        "The image is not to be had: {message}."
        "无法得到镜像：{message}。"
    "> Relist @*"
        "PLEG, the pod lifecycle event generator, lists what the runtime has and compares it with its last list. Differences wake pod workers."
        "PLEG（Pod 生命周期事件生成器）列出运行时中的一切，与上一次的列表比对；有差异就唤醒相应的 pod worker。"
    "> GarbageCollect @*"
        "The kubelet looks for dead containers and sandboxes that nobody needs any more."
        "kubelet 查找不再需要的已退出容器和沙箱。"

    // CRI: sandboxes.
    "> RunPodSandbox @*"
        "The kubelet asks for a sandbox for {pod}: the namespaces and the network address that its containers will share."
        "kubelet 请求为 {pod} 创建沙箱：其容器将共享的命名空间和网络地址。"
    "< RunPodSandbox @*"
        "The sandbox is ready after {took}. It has an id, running namespaces and, unless it uses the host’s network, an address."
        "沙箱在 {took} 后就绪：有了 ID 和运行中的命名空间；除非使用主机网络，还有了地址。"
    "! RunPodSandbox @*"
        "No sandbox: {message}. Without one, no container of {pod} can start; the kubelet will try again."
        "沙箱创建失败：{message}。没有沙箱，{pod} 的任何容器都无法启动；kubelet 稍后会重试。"
    "> PodSandboxStatus @*"
        "The kubelet asks how the sandbox is, above all for the pod’s address."
        "kubelet 查询沙箱状态，主要是为了得到 Pod 的地址。"
    "< PodSandboxStatus @*"
        "The runtime describes the sandbox as it is now."
        "运行时返回沙箱的当前状态。"
    "> StopPodSandbox @*"
        "The kubelet has the sandbox stopped: its network is torn down and the pause process ends."
        "kubelet 要求停止沙箱：拆除网络，并结束 pause 进程。"
    "< StopPodSandbox @*"
        "The sandbox is stopped. Its address is free again."
        "沙箱已停止，其地址已释放。"
    "> RemovePodSandbox @*"
        "The sandbox is not needed any more; the kubelet has it removed with everything that is left in it."
        "沙箱不再需要，kubelet 要求将它连同其中残留的一切一并删除。"
    "< RemovePodSandbox @*" "The sandbox is gone." "沙箱已删除。"
    "> ListPodSandbox @*"
        "The kubelet lists the sandboxes that the runtime has."
        "kubelet 列出运行时中的沙箱。"

    // CRI: images.
    "> ImageStatus @*"
        "Is image {image} on the node? The kubelet asks before it pulls; the pull policy decides what follows."
        "镜像 {image} 是否已在节点上？kubelet 先查询，再由拉取策略决定下一步。"
    "< ImageStatus @*"
        "The runtime says whether it has the image. An empty answer means that it has not."
        "运行时回答是否已有该镜像；空的应答表示没有。"
    "> PullImage @*"
        "The image {image} is missing, or has to be checked, so the runtime is asked to pull it from the registry."
        "镜像 {image} 缺失或需要检查，因此要求运行时从镜像仓库拉取。"
    "< PullImage @*"
        "The image is on the node after {took}. The answer carries its reference by digest."
        "镜像在 {took} 后到达节点，应答中带有以摘要表示的引用。"
    "! PullImage @*"
        "The pull failed: {message}. The container waits in ErrImagePull, and then in ImagePullBackOff."
        "拉取失败：{message}。容器先处于 ErrImagePull，随后进入 ImagePullBackOff。"

    // CRI: containers.
    "> CreateContainer @*"
        "Container {container} is to be made inside the sandbox: mounts, environment, command, limits. Nothing of it runs yet."
        "在沙箱内创建容器 {container}：挂载、环境变量、命令与资源限制；此时它还没有运行。"
    "< CreateContainer @*"
        "Container {container} exists, in state CREATED."
        "容器 {container} 已存在，状态为 CREATED。"
    "> StartContainer @*"
        "Now the program of {container} is started."
        "现在启动 {container} 的程序。"
    "< StartContainer @*"
        "{container} runs."
        "{container} 已在运行。"
    "> StopContainer @*"
        "The kubelet has {container} stopped: SIGTERM first and, when the grace period is over, SIGKILL."
        "kubelet 要求停止 {container}：先发送 SIGTERM，宽限期过后再发送 SIGKILL。"
    "< StopContainer @*"
        "{container} has stopped after {took}."
        "{container} 在 {took} 后停止。"
    "> RemoveContainer @*"
        "A dead container is removed. The kubelet keeps the last one of each name for its logs and its exit code."
        "删除一个已退出的容器。每个名字的最后一个会被保留，以便查看日志和退出码。"
    "< RemoveContainer @*" "The dead container is gone." "已退出的容器已删除。"
    "> ContainerStatus @*"
        "The kubelet asks how a container is: its state, exit code and image."
        "kubelet 查询容器的状态、退出码与镜像。"
    "> ListContainers @*"
        "The kubelet lists the containers that the runtime has."
        "kubelet 列出运行时中的容器。"
    "> Status @*"
        "The kubelet asks whether the runtime and its network are ready."
        "kubelet 询问运行时及其网络是否就绪。"

    // Docker's API, as dockershim uses it.
    "> GET /images/*/json @dockerd"
        "dockershim asks Docker whether the image is there. Docker’s answer will have to be translated into CRI’s words."
        "dockershim 询问 Docker 镜像是否存在；Docker 的应答还需翻译成 CRI 的说法。"
    "! GET /images/*/json @dockerd"
        "Docker does not have the image: {code}."
        "Docker 没有这个镜像：{code}。"
    "> POST /images/create @dockerd"
        "dockershim has Docker pull the image. Docker reports progress as a stream of JSON lines."
        "dockershim 让 Docker 拉取镜像；Docker 以 JSON 行的流报告进度。"
    "> POST /containers/create @dockerd"
        "Docker knows no pods. dockershim packs what Kubernetes means into a container’s name and labels, and asks Docker to create it."
        "Docker 不认识 Pod。dockershim 把 Kubernetes 的含义塞进容器的名字和标签，再请 Docker 创建。"
    "< POST /containers/create @dockerd"
        "Docker has created the container and gives its id."
        "Docker 已创建容器并返回其 ID。"
    "! POST /containers/create @dockerd"
        "Docker refuses: {message}. If the name is taken by a container left over from a crash, dockershim tries to recover."
        "Docker 拒绝：{message}。如果名字被崩溃后遗留的容器占用，dockershim 会尝试恢复。"
    "> POST /containers/*/start @dockerd"
        "dockershim asks Docker to start the container. Docker passes this on to containerd."
        "dockershim 请 Docker 启动容器；Docker 再转交给 containerd。"
    "< POST /containers/*/start @dockerd"
        "Docker says that the container has started."
        "Docker 报告容器已启动。"
    "> POST /containers/*/stop @dockerd"
        "dockershim asks Docker to stop the container, with the grace period in the query."
        "dockershim 请 Docker 停止容器，宽限期写在查询参数里。"
    "> DELETE /containers/* @dockerd"
        "dockershim asks Docker to remove the container."
        "dockershim 请 Docker 删除容器。"
    "> GET /containers/json @dockerd"
        "dockershim asks Docker for its containers, filtered by the labels in which it keeps what Docker cannot know."
        "dockershim 向 Docker 列出容器，并按标签过滤；标签里存放着 Docker 无从知晓的信息。"
    "> GET /containers/*/json @dockerd"
        "dockershim inspects a container: process, paths, network. It needs the answer because Docker keeps these to itself."
        "dockershim 检视（inspect）一个容器：进程、路径、网络。这些信息只有 Docker 自己掌握。"

    // What dockershim does itself.
    "~file /var/lib/dockershim/sandbox/*"
        "dockershim writes a checkpoint. If Docker forgets the sandbox, this file still says what to tear down: host ports, and whether it used the host’s network."
        "dockershim 写入检查点。即使 Docker 丢失了沙箱，凭这个文件仍知道该拆除什么：主机端口，以及是否使用主机网络。"
    "~file-removed /var/lib/dockershim/sandbox/*"
        "The sandbox is gone, so dockershim deletes its checkpoint."
        "沙箱已不存在，dockershim 删除它的检查点。"
    "~file */resolv.conf"
        "The resolver configuration is written: {path}. Every container of the pod will see this file as /etc/resolv.conf."
        "写入解析器配置：{path}。Pod 的每个容器看到的 /etc/resolv.conf 都是它。"

    // Everything below the daemons.
    "> * @registry"
        "The image is fetched from the registry: first the manifest, then each layer that is not here yet."
        "从镜像仓库取得镜像：先取清单，再取本地缺少的各层。"
    "> *ADD* @cni"
        "The CNI plugin is run with the command ADD. It puts an interface into the sandbox’s network namespace and gives it an address."
        "以 ADD 命令执行 CNI 插件：在沙箱的网络命名空间中放入网卡并分配地址。"
    "< *ADD* @cni"
        "The plugin reports on standard output which interface and address the sandbox got."
        "插件在标准输出中报告沙箱得到的网卡与地址。"
    "! *ADD* @cni"
        "The plugin failed: {message}. The sandbox has no network, so what was already made has to be undone."
        "插件失败：{message}。沙箱没有网络，已经创建的东西必须撤销。"
    "> *DEL* @cni"
        "The CNI plugin is run with the command DEL: the interface goes and the address is free again."
        "以 DEL 命令执行 CNI 插件：移除网卡，释放地址。"
    "> *create* @runc"
        "runc sets up namespaces, control group and root file system. The container’s first process exists, but waits."
        "runc 建立命名空间、控制组和根文件系统。容器的首个进程已存在，但仍在等待。"
    "> *start* @runc"
        "runc lets the waiting process execute the container’s own program, and exits."
        "runc 让等待中的进程执行容器自己的程序，随后退出。"
    "> *kill* @runc"
        "runc sends the signal to the container’s first process."
        "runc 向容器的首个进程发送信号。"
    "> *delete* @runc"
        "runc cleans up what it made for the container."
        "runc 清理它为容器创建的东西。"
    "> containerd-shim-runc-v2 start @*"
        "A shim is started for the pod. It stays with the pod’s processes, so that the daemon can restart without harm."
        "为 Pod 启动一个 shim。它一直陪伴 Pod 的进程，因此守护进程重启不会影响容器。"
    "> Task.Create @containerd-shim"
        "The shim is told to create the container; it will run runc for that."
        "通知 shim 创建容器；为此它会执行 runc。"
    "> Task.Start @containerd-shim"
        "The shim is told to start the process. The shim, not the daemon, is its parent."
        "通知 shim 启动进程；进程的父进程是 shim，而不是守护进程。"
    "> Task.Kill @containerd-shim"
        "The shim is told to send a signal to the container."
        "通知 shim 向容器发送信号。"
    "> Task.Delete @containerd-shim"
        "The shim is told to forget the ended process; it hands over the exit status."
        "通知 shim 清理已结束的进程，并交出其退出状态。"
    "> * @containerd-shim"
        "{from} asks the shim, which holds the container’s process and its standard streams: {op}."
        "{from} 请求 shim：{op}。shim 掌管着容器的进程和标准流。"
    "> Forward * @containerd"
        "The shim publishes an event, and containerd passes it on to whoever subscribed: {op}."
        "shim 发布一个事件，containerd 转发给订阅者：{op}。"
    "> * @containerd"
        "{from} asks containerd, which keeps images, snapshots and tasks: {op}."
        "{from} 请求 containerd：{op}。containerd 管理镜像、快照和任务。"

    // Effects.
    "~sandbox-ready"
        "The sandbox is READY{ip}. All containers of {pod} will live in it."
        "沙箱状态为 READY{ip}。{pod} 的所有容器都将位于其中。"
    "~sandbox-notready"
        "The sandbox is NOTREADY: its pause process does not run, or its network is gone."
        "沙箱状态为 NOTREADY：pause 进程未运行，或网络已拆除。"
    "~sandbox-removed" "Nothing is left of the sandbox." "沙箱已不复存在。"
    "~container created"
        "Container {container} is CREATED (attempt {attempt}): made, but not running."
        "容器 {container} 的状态为 CREATED（第 {attempt} 次尝试）：已创建，但未运行。"
    "~container running"
        "Container {container} is RUNNING as process {pid} (attempt {attempt})."
        "容器 {container} 的状态为 RUNNING，进程号 {pid}（第 {attempt} 次尝试）。"
    "~container exited"
        "Container {container} has EXITED with code {exit} ({reason})."
        "容器 {container} 的状态为 EXITED，退出码 {exit}（{reason}）。"
    "~container-removed" "Nothing is left of the dead container." "已退出的容器已不复存在。"
    "~image-added"
        "Image {image} is in the store of {to}."
        "镜像 {image} 已存入 {to} 的存储。"
    "~process *pause*"
        "The pause process starts, with number {pid}. It does nothing but hold the pod’s namespaces open."
        "pause 进程启动，进程号 {pid}。它什么也不做，只负责让 Pod 的命名空间保持存在。"
    "~process *"
        "Process {pid} starts: {argv}"
        "进程 {pid} 启动：{argv}"
    "~exit"
        "Process {pid} ends with exit code {exit}."
        "进程 {pid} 结束，退出码 {exit}。"
    "~namespace net*"
        "The kernel makes a network namespace, with nothing but a loopback interface in it."
        "内核创建一个网络命名空间，其中只有回环网卡。"
    "~namespace *"
        "The kernel makes a new {kind} namespace."
        "内核创建一个新的 {kind} 命名空间。"
    "~namespace-removed" "The kernel drops a namespace that nobody uses any more." "内核回收一个已无人使用的命名空间。"
    "~address-added"
        "The pod’s network interface has an address: {ip}."
        "Pod 的网卡得到地址：{ip}。"
    "~address-removed" "The pod’s network interface loses its address." "Pod 的网卡失去地址。"
    "~symlink *"
        "A symbolic link is made: {path} → {detail}"
        "创建符号链接：{path} → {detail}"
    "~directory *" "A directory is made: {path}" "创建目录：{path}"
    "~file *" "A file is written: {path}" "写入文件：{path}"
    "~file-appended *" "The container has written to its log: {path}" "容器写入了日志：{path}"
    "~file-removed *" "A file is removed: {path}" "删除文件：{path}"
    "~cgroup" "A control group is made: {path}" "创建控制组：{path}"
    "~cgroup-removed" "A control group is removed: {path}" "删除控制组：{path}"
    "~mount" "A file system is mounted at {path}" "在 {path} 挂载文件系统"
    "~unmount" "What was mounted at {path} is unmounted." "卸载 {path}。"

    // Whatever has no words of its own.
    "> *" "{from} asks {to}: {op}" "{from} 请求 {to}：{op}"
    "< *" "{to} answers {from} after {took}: {op}" "{to} 在 {took} 后应答 {from}：{op}"
    "! *" "{op} fails at {to}. {code}: {message}" "{op} 在 {to} 处失败。{code}：{message}"
}

/// The reasons for glue, by key.
const GLUES: &[(&str, &str, &str)] = &[
    (
        "infra-container",
        "Docker knows no pods, so a container that only sleeps stands for the sandbox and holds its namespaces.",
        "Docker 不认识 Pod，于是用一个只会休眠的容器充当沙箱，并保持其命名空间。",
    ),
    (
        "image-check",
        "Docker’s create call does not pull, so dockershim looks for the pause image and pulls it itself.",
        "Docker 的创建调用不会拉取镜像，因此 dockershim 自己检查并拉取 pause 镜像。",
    ),
    (
        "conflict-recovery",
        "Docker’s names are unique and outlive crashes, so a name that is taken is recognised by the text of an error, and its container removed.",
        "Docker 的容器名唯一，且在崩溃后依然存在；名字被占用只能从错误文本中识别，再删除占用它的容器。",
    ),
    (
        "checkpoint",
        "Docker may lose a container with all that was known of its pod, so dockershim keeps ports and network mode in a file of its own.",
        "Docker 可能丢失容器以及关于其 Pod 的一切信息，因此 dockershim 把端口和网络模式存在自己的文件里。",
    ),
    (
        "resolv-conf-rewrite",
        "Docker writes a resolv.conf of its own, so dockershim asks where it is and writes over it after the container has started.",
        "Docker 会写入自己的 resolv.conf，因此 dockershim 在容器启动后查出其位置并改写它。",
    ),
    (
        "cni-by-hand",
        "Docker’s networks are not CNI, so the container starts without one and dockershim runs the plugins on its process.",
        "Docker 的网络不是 CNI，因此容器启动时没有网络，再由 dockershim 对其进程执行 CNI 插件。",
    ),
    (
        "ip-by-nsenter",
        "CNI cannot be asked for an address later, so dockershim enters the network namespace and reads it off.",
        "事后无法向 CNI 查询地址，因此 dockershim 进入网络命名空间读取。",
    ),
    (
        "log-symlink",
        "Docker writes logs under its own directory and in its own format, so a symbolic link leads there from where the kubelet looks.",
        "Docker 把日志写在自己的目录、用自己的格式，因此要从 kubelet 查找的位置建一个符号链接指过去。",
    ),
    (
        "labels-for-annotations",
        "Docker has no annotations, sandboxes or log paths, so all of them are kept in labels and sorted out again on every read.",
        "Docker 没有注解、沙箱和日志路径的概念，这些都存放在标签里，每次读取都要重新拆分。",
    ),
    (
        "self-dial",
        "The kubelet and dockershim are one process, and still the CRI call leaves through a socket and comes back.",
        "kubelet 与 dockershim 是同一个进程，但 CRI 调用仍要从套接字出去再回来。",
    ),
    (
        "api-version",
        "Docker’s API differs between versions, so dockershim asks for the version to decide what it may send.",
        "Docker API 因版本而异，因此 dockershim 先查询版本，再决定可以发送什么。",
    ),
    (
        "image-id",
        "Docker’s containers carry only the id of their image, so its digest is looked up for every status.",
        "Docker 容器只记录镜像 ID，因此每次查询状态都要再查一次镜像摘要。",
    ),
    (
        "exec-inspect",
        "Docker’s exec stream ends without an exit code, so dockershim asks for it afterwards.",
        "Docker 的 exec 流结束时不带退出码，因此 dockershim 事后再去查询。",
    ),
    (
        "name-parsing",
        "Pod, namespace and attempt are read back from the container’s name in Docker, for which the container is inspected.",
        "Pod、命名空间和尝试次数要从 Docker 容器名中解析回来，为此需要 inspect 容器。",
    ),
    (
        "remove-children",
        "Docker does not know which containers belong to a sandbox, so they are found by a label and removed one by one.",
        "Docker 不知道哪些容器属于某个沙箱，因此按标签查找并逐个删除。",
    ),
];

/// Why a glue step exists: the text for its key, or the key itself.
#[must_use]
pub fn glue(key: &str, lang: Lang) -> &str {
    GLUES.iter().find(|(known, ..)| *known == key).map_or(key, |(_, en, zh)| lang.pick(en, zh))
}

/// The steps of SyncPod, by Kubernetes version.
#[must_use]
pub fn sync_steps(kubernetes: &str) -> &'static [(&'static str, &'static str)] {
    match kubernetes.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()) {
        Some(minor) if minor < 30 => SYNC_STEPS_7,
        _ => SYNC_STEPS_9,
    }
}

const SYNC_STEPS_7: &[(&str, &str)] = &[
    ("Compute sandbox and container changes", "计算沙箱与容器的变化"),
    ("Kill the pod if its sandbox changed", "若沙箱已变化则终止 Pod"),
    ("Kill containers that should not run", "终止不应运行的容器"),
    ("Create the sandbox if necessary", "必要时创建沙箱"),
    ("Start ephemeral containers", "启动临时容器"),
    ("Start the next init container", "启动下一个 init 容器"),
    ("Start regular containers", "启动普通容器"),
];

const SYNC_STEPS_9: &[(&str, &str)] = &[
    ("Compute sandbox and container changes", "计算沙箱与容器的变化"),
    ("Kill the pod if its sandbox changed", "若沙箱已变化则终止 Pod"),
    ("Kill containers that should not run", "终止不应运行的容器"),
    ("Create the sandbox if necessary", "必要时创建沙箱"),
    ("Say that the sandbox is ready", "报告沙箱就绪"),
    ("Start ephemeral containers", "启动临时容器"),
    ("Start init containers", "启动 init 容器"),
    ("Resize running containers in place", "原地调整运行中容器的资源"),
    ("Start regular containers", "启动普通容器"),
];

impl Caption {
    /// Whether it is for a step of this key.
    #[must_use]
    pub fn fits(&self, key: &str) -> bool {
        pattern::fits(self.pattern, key)
    }
}

/// What a step is, in plain words.
#[must_use]
pub fn caption(trace: &Trace, id: EventId, lang: Lang) -> String {
    let event = trace.event(id);
    let key = pattern::key_of(trace, event);
    let template = CAPTIONS
        .iter()
        .find(|caption| caption.fits(&key))
        .map_or("{op}", |caption| lang.pick(caption.en, caption.zh));
    fill(template, |name| value(trace, event, name, lang))
}

fn value(trace: &Trace, event: &Event, name: &str, lang: Lang) -> Option<String> {
    let call: Option<&Call> = match &event.what {
        What::Call(call) => Some(call),
        What::Return(answer) => trace.event(answer.call).as_call(),
        What::Effect(_) => None,
    };
    let effect = event.as_effect();
    let answer = event.as_return();
    let text = match name {
        "pod" => pod_name(trace, event.subject.pod.or(effect.and_then(pod_of_effect)))
            .or_else(|| match effect {
                Some(Effect::PodAdded(pod)) => Some(pod.metadata.name.to_string()),
                Some(Effect::Sandbox(sandbox)) => pod_by_uid(trace, &sandbox.pod_uid),
                Some(Effect::Container(container)) => pod_by_uid(trace, &container.pod_uid),
                _ => None,
            })
            .unwrap_or_else(|| lang.pick("the pod", "该 Pod").to_owned()),
        "container" => match effect {
            Some(Effect::Container(container)) => container.name.to_string(),
            _ => container_name(trace, event.subject)
                .unwrap_or_else(|| lang.pick("the container", "该容器").to_owned()),
        },
        "image" => match effect {
            Some(Effect::ImageAdded(image)) => image.references.join(", "),
            _ => image_of(trace, event.subject)
                .unwrap_or_else(|| lang.pick("of the container", "（容器所需）").to_owned()),
        },
        "op" => shorten(call.map_or("", |call| &call.op)),
        "from" => call?.from.name().to_owned(),
        "to" => match effect {
            Some(Effect::ImageAdded(image)) => image.store.name().to_owned(),
            _ => call?.to.name().to_owned(),
        },
        "took" => duration_text(event.at.since(trace.event(answer?.call).at)),
        "code" | "message" => match (answer.map(|answer| &answer.outcome), effect) {
            (Some(Outcome::Error { code, message }), _) => {
                if name == "code" {
                    code.to_string()
                } else {
                    trim(message)
                }
            }
            (_, Some(Effect::KubeEvent(event))) => trim(&event.message),
            _ => String::new(),
        },
        "reason" => match effect? {
            Effect::KubeEvent(event) => event.reason.to_string(),
            Effect::Container(container) => container.reason.to_string(),
            _ => return None,
        },
        "plan" => match effect? {
            Effect::Plan { plan, .. } => describe_plan(plan),
            _ => return None,
        },
        "step" | "title" => match effect? {
            Effect::SyncStep { step, .. } if name == "step" => step.to_string(),
            Effect::SyncStep { step, .. } => {
                let steps = sync_steps(&trace.header.kubernetes);
                let title = steps.get(usize::from(*step).wrapping_sub(1))?;
                match lang {
                    Lang::En => lower_first(title.0),
                    Lang::Zh => title.1.to_owned(),
                }
            }
            _ => return None,
        },
        "ip" => match effect? {
            Effect::Sandbox(sandbox) if sandbox.ip.is_empty() => String::new(),
            Effect::Sandbox(sandbox) => match lang {
                Lang::En => format!(", with address {}", sandbox.ip),
                Lang::Zh => format!("，地址为 {}", sandbox.ip),
            },
            Effect::AddressAdded { address, .. } => address.to_string(),
            _ => return None,
        },
        "attempt" => match effect? {
            Effect::Container(container) => container.attempt.to_string(),
            Effect::Sandbox(sandbox) => sandbox.attempt.to_string(),
            _ => return None,
        },
        "pid" => match effect? {
            Effect::Container(container) => container.pid.to_string(),
            Effect::Process(process) => process.pid.to_string(),
            Effect::ProcessExited { pid, .. } => pid.to_string(),
            _ => return None,
        },
        "exit" => match effect? {
            Effect::Container(container) => container.exit_code.unwrap_or_default().to_string(),
            Effect::ProcessExited { exit, .. } => exit.code.to_string(),
            _ => return None,
        },
        "argv" => match effect? {
            Effect::Process(process) => shorten(&process.argv.join(" ")),
            _ => return None,
        },
        "kind" => match effect? {
            Effect::Namespace(namespace) => namespace.kind.as_str().to_owned(),
            _ => return None,
        },
        "path" => match effect? {
            Effect::FileWritten { path, .. }
            | Effect::FileAppended { path, .. }
            | Effect::FileRemoved { path }
            | Effect::CgroupCreated { path }
            | Effect::CgroupRemoved { path } => shorten(path),
            Effect::Mounted(mount) => shorten(&mount.target),
            Effect::Unmounted { target } => shorten(target),
            _ => return None,
        },
        "detail" => match effect? {
            Effect::FileWritten { content: FileContent::Symlink(to), .. } => shorten(to),
            _ => return None,
        },
        _ => return None,
    };
    Some(text)
}

fn pod_of_effect(effect: &Effect) -> Option<PodRef> {
    match effect {
        Effect::PodUpdated { pod, .. }
        | Effect::PodRemoved { pod }
        | Effect::PodStatus { pod, .. }
        | Effect::Plan { pod, .. }
        | Effect::SyncStep { pod, .. } => Some(*pod),
        Effect::KubeEvent(event) => event.pod,
        _ => None,
    }
}

/// The pods of a trace come early, so looking for one is quick.
fn pods(trace: &Trace) -> impl Iterator<Item = &api::Pod> {
    trace.events.iter().filter_map(|event| match event.as_effect() {
        Some(Effect::PodAdded(pod)) => Some(&**pod),
        _ => None,
    })
}

fn pod_name(trace: &Trace, pod: Option<PodRef>) -> Option<String> {
    pods(trace).nth(pod?.0 as usize).map(|pod| pod.metadata.name.to_string())
}

fn pod_by_uid(trace: &Trace, uid: &str) -> Option<String> {
    let uid_of = |pod: &&api::Pod| *pod.metadata.uid == *uid;
    pods(trace).find(uid_of).map(|pod| pod.metadata.name.to_string())
}

/// The n-th of the init containers and then the containers, with its image.
fn container(trace: &Trace, subject: Subject) -> Option<&api::Container> {
    let pod = pods(trace).nth(subject.pod?.0 as usize)?;
    let index = usize::from(subject.container?.0);
    pod.spec.init_containers.iter().chain(&pod.spec.containers).nth(index)
}

fn container_name(trace: &Trace, subject: Subject) -> Option<String> {
    container(trace, subject).map(|container| container.name.to_string())
}

fn image_of(trace: &Trace, subject: Subject) -> Option<String> {
    container(trace, subject).map(|container| container.image.to_string())
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The longest message that a caption quotes, in characters.
const MESSAGE_MAX: usize = 140;

/// A message without its final full stop: a sentence goes on after it. Errors are wrapped in
/// errors; of a long one, the innermost are quoted.
fn trim(message: &str) -> String {
    let text = shorten(message).replace("\\\"", "\"");
    let text = text.trim_end_matches(['.', '"']);
    let mut rest = text;
    while rest.chars().count() > MESSAGE_MAX {
        match rest.split_once(": ") {
            Some((_, inner)) => rest = inner,
            None => break,
        }
    }
    if rest.len() == text.len() { text.to_owned() } else { format!("… {rest}") }
}

/// A text in which long ids are cut to what the tools print.
#[must_use]
pub fn shorten(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for char in text.chars().chain(std::iter::once(' ')) {
        if char.is_ascii_hexdigit() {
            run.push(char);
        } else {
            out.push_str(if run.len() >= 32 { short(&run) } else { &run });
            run.clear();
            out.push(char);
        }
    }
    out.pop();
    out
}

/// A duration with as many digits as a reader wants.
#[must_use]
pub fn duration_text(duration: std::time::Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => {
            let tenths = micros / 100;
            if tenths.is_multiple_of(10) || tenths >= 1000 {
                format!("{} ms", tenths / 10)
            } else {
                format!("{}.{} ms", tenths / 10, tenths % 10)
            }
        }
        1_000_000..60_000_000 => {
            format!("{:.2} s", duration.as_secs_f64())
        }
        _ => format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn long_ids_are_cut() {
        let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        assert_eq!(
            shorten(&format!("GET /containers/{id}/json")),
            "GET /containers/0123456789ab/json"
        );
        assert_eq!(shorten("pause:3.5"), "pause:3.5");
    }

    #[test]
    fn durations_are_read_at_a_glance() {
        let text = |micros| duration_text(Duration::from_micros(micros));
        assert_eq!(text(250), "250 µs");
        assert_eq!(text(1_000), "1 ms");
        assert_eq!(text(1_250), "1.2 ms");
        assert_eq!(text(250_000), "250 ms");
        assert_eq!(text(1_500_000), "1.50 s");
        assert_eq!(text(75_000_000), "1 min 15 s");
    }

    #[test]
    fn every_place_of_a_caption_is_in_both_languages() {
        let places = |text: &str| {
            let mut names: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|part| part.split_once('}').map(|(name, _)| name.to_owned()))
                .collect();
            names.sort();
            names
        };
        for caption in CAPTIONS {
            assert_eq!(places(caption.en), places(caption.zh), "{}", caption.pattern);
        }
    }
}
