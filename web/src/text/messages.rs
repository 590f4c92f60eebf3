//! The words of the controls and panels.

use super::Lang;

/// Declares the messages once: name, English, Simplified Chinese.
macro_rules! messages {
    ($($name:ident $en:literal $zh:literal)*) => {
        /// A message of the page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the texts say what they are")]
        pub enum M { $($name,)* }

        impl M {
            /// Every message.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The message in a language.
            #[must_use]
            pub const fn text(self, lang: Lang) -> &'static str {
                match self { $(Self::$name => lang.pick($en, $zh),)* }
            }
        }
    };
}

messages! {
    Tagline "A debugger for pod start-up" "Pod 启动过程的调试器"
    SkipToCaption "Skip to the current step" "跳到当前步骤"
    Scenario "Scenario" "场景"
    ChooseScenario "Choose a scenario" "选择场景"
    YourManifest "Your manifest" "你的清单"
    YourManifestSummary "Run from the manifest editor." "来自清单编辑器。"
    Stack "Runtime stack" "运行时栈"
    SideBySide "Side by side" "并排对比"
    Manifest "Manifest" "清单"
    ManifestTitle "Run your own manifest" "运行你自己的清单"
    ManifestHint "Paste or drop a Pod, or a List, Deployment, Job, DaemonSet or StatefulSet: its pod template is taken." "粘贴或拖入一个 Pod；也可以是 List、Deployment、Job、DaemonSet 或 StatefulSet，此时取其 Pod 模板。"
    ManifestLabel "Manifest in YAML or JSON" "YAML 或 JSON 格式的清单"
    Run "Run" "运行"
    RunKeys "Ctrl+Enter" "Ctrl+Enter"
    Problems "Problems" "问题"
    ProblemAt "Line {line}, column {column}" "第 {line} 行，第 {column} 列"
    ProblemsKeep "The simulation on the stage stays as it was." "舞台上的模拟保持不变。"
    NoProblems "No problems." "没有问题。"
    Remarks "Remarks" "提示"
    NoPodInText "there is no Pod in this text, and nothing that makes one" "这段文本中没有 Pod，也没有能生成 Pod 的对象"
    NotSimulated "Valid, but not simulated" "有效但未模拟的字段"
    RunsAnyway "It runs; these fields have no effect." "已开始运行；以下字段不起作用。"
    UnsimulatedScheduling "scheduling is not simulated: there is one node, and the pod is on it" "不模拟调度：只有一个节点，Pod 就在其上"
    UnsimulatedStorage "storage drivers, claims and device plugins are not simulated" "不模拟存储驱动、声明和设备插件"
    UnsimulatedWindows "the node runs Linux" "节点运行的是 Linux"
    UnsimulatedServerSide "the API server sets this field itself" "该字段由 API server 自行设置"
    UnsimulatedNewer "the field is newer than the newest Kubernetes simulated here" "该字段比这里模拟的最新 Kubernetes 还要新"
    OpenFile "Open a file" "打开文件"
    FileTooBig "The file is larger than a manifest can be (1 MB)." "文件超过了清单允许的大小（1 MB）。"
    Theme "Theme" "主题"
    ThemeSystem "Theme: as the system" "主题：跟随系统"
    ThemeLight "Theme: light" "主题：浅色"
    ThemeDark "Theme: dark" "主题：深色"
    Language "Language" "语言"
    Help "Keyboard and legend" "键盘与图例"
    Keyboard "Keyboard" "键盘"
    Legend "Legend" "图例"
    LegendProcess "Solid outline: an operating-system process" "实线框：一个操作系统进程"
    LegendLibrary "Dashed outline: a library inside somebody else’s process" "虚线框：位于其他进程中的库"
    LegendLit "Lit path: the calls that are open right now" "点亮的路径：此刻尚未返回的调用"
    LegendCall "Arrow forward: a call on its way" "向前的箭头：正在发出的调用"
    LegendReturn "Arrow back: its return" "向后的箭头：返回"
    LegendError "Cross and the word “error”: a call that failed" "叉号与“错误”字样：失败的调用"
    LegendGlue "Hexagon and the word “glue”: work that exists only because two components do not speak the same interface" "六边形与“胶水”字样：只因两个组件的接口不同才存在的工作"
    Close "Close" "关闭"
    Controls "Step controls" "步进控制"
    Play "Play" "播放"
    Pause "Pause" "暂停"
    Step "Step" "前进一步"
    Back "Step back" "后退一步"
    Over "Step over" "跳过本调用"
    OverBack "Back over" "退回到本调用之前"
    Out "Step out" "跳出当前调用"
    First "To the start" "回到开头"
    Last "To the end" "跳到结尾"
    NextError "To the next error" "到下一个错误"
    Speed "Speed" "速度"
    Faster "Faster" "加快"
    Slower "Slower" "减慢"
    Detail "Detail" "细节"
    DetailMore "More detail" "更多细节"
    DetailLess "Less detail" "更少细节"
    Level1 "SyncPod steps" "SyncPod 步骤"
    Level2 "CRI calls" "CRI 调用"
    Level3 "Every hop" "每一跳"
    Level4 "Effects" "系统效果"
    Caption "The current step" "当前步骤"
    StepOf "Step {step} of {steps}" "第 {step} 步，共 {steps} 步"
    Beginning "Nothing has happened yet" "尚未发生任何事"
    BeginningHint "Press Space to play, or the right arrow to take the first step." "按空格键播放，或按右方向键走第一步。"
    Stage "Stage" "舞台"
    StageOf "Components of the {stack} stack. {lit}" "{stack} 栈的组件。{lit}"
    OpenCalls "Open calls: {calls}" "未返回的调用：{calls}"
    NoOpenCalls "No call is open." "没有未返回的调用。"
    CriLine "Container Runtime Interface" "容器运行时接口（CRI）"
    Error "error" "错误"
    Glue "glue" "胶水"
    Timeline "Timeline" "时间线"
    TimelinePosition "Position in the trace" "在轨迹中的位置"
    FitAll "Whole run" "全程"
    FitChapter "This sync" "本次同步"
    LaneSync "kubelet" "kubelet"
    LaneCri "CRI" "CRI"
    NothingFor "{time} without events for the pods" "{time} 内没有与 Pod 相关的事件"
    Panels "Panels" "面板"
    SyncPod "SyncPod" "SyncPod"
    SyncIdle "Not running now" "当前未运行"
    SyncPlan "Plan" "计划"
    NoPlan "No plan yet" "还没有计划"
    NothingToDo "Nothing to do" "无事可做"
    PlanKillPod "Kill the pod" "终止 Pod"
    PlanSandbox "Create sandbox, attempt {attempt}" "创建沙箱，第 {attempt} 次尝试"
    PlanInit "Start init container" "启动 init 容器"
    PlanEphemeral "Start ephemeral container" "启动临时容器"
    PlanStart "Start container" "启动容器"
    PlanKill "Kill" "终止"
    TabCall "Call" "调用"
    TabPod "Pod" "Pod"
    TabNode "Node" "节点"
    TabSource "Source" "源码"
    TabWhy "Why" "原因"
    TabSteps "Steps" "步骤"
    Request "Request" "请求"
    Response "Response" "响应"
    NotReturned "Not returned yet" "尚未返回"
    NoPayload "Nothing worth showing travels with it." "没有值得展示的内容随之传递。"
    NoCall "This step is not a call; it is a change that happened during no call." "这一步不是调用，而是不属于任何调用的一次变化。"
    EffectHere "A change of the world" "世界的一次变化"
    DuringCall "It happened during this call" "它发生在下面这次调用期间"
    AsJson "JSON" "JSON"
    AsBytes "Protobuf bytes" "Protobuf 字节"
    Bytes "bytes" "字节"
    Meaning "meaning" "含义"
    Arguments "Arguments" "参数"
    Environment "Environment" "环境变量"
    StandardInput "Standard input" "标准输入"
    From "From" "调用方"
    To "To" "被调用方"
    Protocol "Protocol" "协议"
    Outcome "Outcome" "结果"
    Ok "ok" "成功"
    Took "took {time}" "耗时 {time}"
    Yaml "YAML" "YAML"
    Describe "Describe" "Describe"
    NoPod "The kubelet does not know a pod yet." "kubelet 还不知道任何 Pod。"
    PodRemoved "The API object is gone." "API 对象已删除。"
    Phase "Phase" "阶段"
    Conditions "Conditions" "状况"
    Sandbox "Sandbox" "沙箱"
    NoSandbox "no sandbox" "没有沙箱"
    Attempt "attempt {n}" "第 {n} 次尝试"
    Restarts "{n} restarts" "重启 {n} 次"
    Ready "ready" "就绪"
    NotReady "not ready" "未就绪"
    InitContainer "init" "init"
    Waiting "waiting" "等待"
    Created "created" "已创建"
    Running "running" "运行中"
    Exited "exited {code}" "已退出 {code}"
    Unknown "unknown" "未知"
    HostNetwork "host network" "主机网络"
    Processes "Processes" "进程"
    ProcessTree "Process tree" "进程树"
    NoProcesses "No process yet" "还没有进程"
    Namespaces "Namespaces" "命名空间"
    SharedNamespaces "shared: {list}" "共享：{list}"
    Files "Files" "文件"
    NoFiles "No files were written yet." "还没有写入任何文件。"
    WrittenBy "written at step {time}" "写入于 {time}"
    SymlinkTo "symbolic link to {path}" "指向 {path} 的符号链接"
    Directory "directory" "目录"
    Cgroups "Control groups" "控制组"
    Mounts "Mounts" "挂载"
    Images "Images" "镜像"
    Nothing "none" "无"
    SourceUpstream "Upstream source" "上游源码"
    SourceOpen "Open on GitHub" "在 GitHub 上查看"
    NoSource "No upstream source is given for this step." "这一步没有给出上游源码。"
    SourceOfCaller "The step happened inside this call" "这一步发生在下面的调用之内"
    WhyGlue "Why it exists" "它为何存在"
    WhyChain "What led here" "何以至此"
    ListLabel "All steps at this detail level" "此细节级别的全部步骤"
    ListEarlier "Earlier steps" "更早的步骤"
    ListLater "Later steps" "更晚的步骤"
    ListRange "{from}–{to} of {total}" "{from}–{to}，共 {total}"
    CountCri "CRI calls" "CRI 调用"
    CountHops "Hops" "跨进程跳数"
    CountProcesses "Processes" "进程"
    CountGlue "Glue calls" "胶水调用"
    CountTime "Virtual time" "虚拟时间"
    Counters "So far" "至此"
    CompareTitle "Counters, up to the same milestone" "计数（对齐到同一里程碑）"
    Follow "Steps follow this stack" "步进跟随此栈"
    Focused "leads" "主导"
    BadLink "Part of the link was not understood and was ignored: {what}" "链接中有一部分无法识别，已忽略：{what}"
    SimulationFailed "The simulation could not run: {what}" "模拟无法运行：{what}"
    NotOnStack "This scenario is made for {stack}." "这个场景是为 {stack} 设计的。"
    Dismiss "Dismiss" "知道了"
    ComingTerminal "Terminal" "终端"
    More "More" "更多"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_have_every_message_with_the_same_places() {
        let places = |text: &str| -> Vec<String> {
            let mut names: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|part| part.split_once('}').map(|(name, _)| name.to_owned()))
                .collect();
            names.sort();
            names
        };
        for message in M::ALL {
            let (en, zh) = (message.text(Lang::En), message.text(Lang::Zh));
            assert!(!en.is_empty() && !zh.is_empty(), "{message:?}");
            assert_eq!(places(en), places(zh), "{message:?}");
        }
    }
}
