//! Scripts, and what they write.

mod support;

use std::time::Duration;
use support::World;

/// Runs a script in a fresh busybox; exit code, output, errors.
fn sh(script: &str) -> (Option<i32>, String, String) {
    World::new("busybox:1.36").run(&["sh", "-c", script], &["HOME=/root", "A=from env"])
}

#[track_caller]
fn check(script: &str, code: i32, output: &str) {
    let (found, out, errors) = sh(script);
    assert_eq!((found, out.as_str()), (Some(code), output), "{script}\n{errors}");
}

#[test]
fn words_are_expanded() {
    for (script, output) in [
        ("echo hello   world", "hello world\n"),
        ("echo 'a  b' \"c  d\"", "a  b c  d\n"),
        ("x=1; echo $x ${x}2 \"$x\" '$x'", "1 12 1 $x\n"),
        ("echo $A", "from env\n"),
        ("x='a  b'; echo $x; echo \"$x\"", "a b\na  b\n"),
        ("echo ${none:-fallback} ${none-} ${A:+set}", "fallback set\n"),
        ("echo ${x:=kept} $x", "kept kept\n"),
        ("x=/a/b/c.txt; echo ${x##*/} ${x%.*} ${x#/} ${#x}", "c.txt /a/b/c a/b/c.txt 10\n"),
        ("x=aXbXc; echo ${x/X/-} ${x//X/-} ${x:1:3}", "a-bXc a-b-c XbX\n"),
        ("echo $(echo inner) `echo old`", "inner old\n"),
        ("echo $((1 + 2 * 3)) $(( (1+2)*3 ))", "7 9\n"),
        ("i=5; i=$((i+1)); echo $i", "6\n"),
        ("set -- a 'b c' d; for x in \"$@\"; do echo $x; done; echo $#", "a\nb c\nd\n3\n"),
        ("set -- a b; echo \"$*\"; IFS=,; echo \"$*\"", "a b\na,b\n"),
        ("set --; for x in \"$@\"; do echo no; done; echo none", "none\n"),
        ("echo \"\" | wc -l; echo a''b", "1\nab\n"),
        ("echo ~ ~/x", "/root /root/x\n"),
        ("echo \"a\\tb\" 'c\\td'", "a\\tb c\\td\n"),
        ("echo -e 'a\\tb\\n'; echo -n x", "a\tb\n\nx"),
        ("printf '%s-%03d\\n' a 7 b 8", "a-007\nb-008\n"),
        ("echo $?; false; echo $?", "0\n1\n"),
        ("echo $$", "1\n"),
        ("f=/etc/p*d; echo $f", "/etc/passwd\n"),
        ("echo no*match", "no*match\n"),
        ("x=; echo [${x:-}] [\"$x\"]", "[] []\n"),
        ("a=1 b=2; echo $a$b", "12\n"),
        ("x='1,2,,3'; IFS=,; for i in $x; do echo \"[$i]\"; done", "[1]\n[2]\n[]\n[3]\n"),
    ] {
        check(script, 0, output);
    }
}

#[test]
fn commands_are_joined() {
    for (script, code, output) in [
        ("true && echo yes || echo no", 0, "yes\n"),
        ("false && echo yes || echo no", 0, "no\n"),
        ("! false; echo $?", 0, "0\n"),
        ("if [ 1 -lt 2 ]; then echo a; elif true; then echo b; else echo c; fi", 0, "a\n"),
        ("if false; then echo a; else echo c; fi", 0, "c\n"),
        ("i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done", 0, "0\n1\n2\n"),
        ("i=0; until [ $i -ge 2 ]; do i=$((i+1)); done; echo $i", 0, "2\n"),
        (
            "for i in 1 2 3 4; do [ $i = 2 ] && continue; [ $i = 4 ] && break; echo $i; done",
            0,
            "1\n3\n",
        ),
        ("case abc in x) echo x;; a*|b) echo a;; *) echo other;; esac", 0, "a\n"),
        ("f() { echo $1; return 3; }; f hi; echo $?", 0, "hi\n3\n"),
        ("f() { local x=in; echo $x; }; x=out; f; echo $x", 0, "in\nout\n"),
        ("(x=1; exit 4); echo $? $x", 0, "4\n"),
        ("{ echo a; echo b; } | sort -r", 0, "b\na\n"),
        ("echo one two | while read a b; do echo $b $a; done", 0, "two one\n"),
        ("seq 3 | tail -n 1; exit 5", 5, "3\n"),
        ("set -e; false; echo never", 1, ""),
        ("set -e; if false; then :; fi; false || true; echo here", 0, "here\n"),
        ("sleep 5 & wait; echo done", 0, "done\n"),
        ("sleep 5 & wait $!; echo $?", 0, "0\n"),
        ("trap 'echo bye' EXIT; echo hi; exit 2", 2, "hi\nbye\n"),
        ("eval 'echo a; echo b'", 0, "a\nb\n"),
        ("yes | head -n 2", 0, "y\ny\n"),
        ("nosuchcommand; echo $?", 0, "127\n"),
        ("exec echo replaced; echo never", 0, "replaced\n"),
        ("if [[ -e /etc/passwd ]]; then echo there; fi", 0, "there\n"),
        ("echo a#b # a comment", 0, "a#b\n"),
        ("echo a;\n\necho b\n", 0, "a\nb\n"),
        ("cat <<EOF\n$A and $((1+1))\nEOF", 0, "from env and 2\n"),
        ("cat <<'EOF'\n$A\nEOF\necho after", 0, "$A\nafter\n"),
        ("cat <<-EOF | tr a-z A-Z\n\tx\n\tEOF\n", 0, "X\n"),
        ("readonly x=1; x=2; echo never", 2, ""),
        ("set -u; echo $nope; echo never", 2, ""),
        (
            "while getopts ab: o -a -b v; do echo $o; done; set -- -a -b v; while getopts ab: o; do echo $o $OPTARG; done",
            0,
            "a\nb v\n",
        ),
        ("command -v sh; type cd", 0, "/bin/sh\ncd is a shell builtin\n"),
        ("timeout 2 sleep 100; echo $?", 0, "143\n"),
        ("echo a b c | xargs -n 1 echo x", 0, "x a\nx b\nx c\n"),
    ] {
        check(script, code, output);
    }
}

#[test]
fn files_are_written_and_read() {
    for (script, code, output) in [
        ("echo a > /tmp/f; echo b >> /tmp/f; cat /tmp/f; wc -l < /tmp/f", 0, "a\nb\n2\n"),
        ("touch /tmp/healthy; rm /tmp/healthy; cat /tmp/healthy", 1, ""),
        ("mkdir -p /a/b/c && ls /a/b; rmdir /a/b/c; ls /a/b", 0, "c\n"),
        ("echo x > /nosuch/file; echo $?", 0, "1\n"),
        (
            "echo 1 > /data/x; ls /data; cp /data/x /data/y; mv /data/y /data/z; ls /data",
            0,
            "x\nx\nz\n",
        ),
        ("cd /tmp; echo here > f; cat /tmp/f; pwd", 0, "here\n/tmp\n"),
        (
            "ln -s /etc/passwd /tmp/p; head -n 1 /tmp/p; readlink /tmp/p",
            0,
            "root:x:0:0:root:/root:/bin/sh\n/etc/passwd\n",
        ),
        ("rm /etc/passwd; cat /etc/passwd; ls /etc | grep passwd", 1, ""),
        ("echo err >&2; echo out 2>/dev/null", 0, "out\n"),
        ("ls /nope 2>&1", 1, "ls: /nope: No such file or directory\n"),
        ("printf 'a b\\nc d\\n' | cut -d ' ' -f 2 | sort -r", 0, "d\nb\n"),
        ("printf 'x1\\ny2\\n' | sed 's/[0-9]/#/;s/x/X/'", 0, "X#\ny#\n"),
        (
            "printf 'a\\nb\\nc\\n' | sed -n '2p'; printf 'k=v\\n' | sed -E 's/(.*)=(.*)/\\2=\\1/'",
            0,
            "b\nv=k\n",
        ),
        ("printf 'one\\ntwo\\n' | grep -c o; echo abc | grep -q x; echo $?", 0, "2\n1\n"),
        ("exec 3>/tmp/three; echo x >&3; cat /tmp/three", 0, "x\n"),
        ("find /data -type d; echo q | tee /data/t; cat /data/t", 0, "/data\nq\nq\n"),
        (
            "test -f /etc/passwd -a -d /etc && echo both; [ ! -e /nope ] && echo not",
            0,
            "both\nnot\n",
        ),
    ] {
        check(script, code, output);
    }
}

#[test]
fn the_system_answers_from_the_model() {
    let mut world = World::new("busybox:1.36");
    world.credentials.uid = 1000;
    world.credentials.gid = 3000;
    world.credentials.groups = vec![3000, 2000];
    world.credentials.bounding = 0x0000_0000_a804_25fb;
    world.credentials.no_new_privs = true;
    let (_, out, _) = world.run(
        &["sh", "-c", "id; hostname; grep -E 'CapBnd|NoNewPrivs|Groups' /proc/1/status; ps"],
        &[],
    );
    assert_eq!(
        out,
        "uid=1000 gid=3000 groups=3000,2000\nnode\nGroups:\t2000 3000 \n\
         CapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\nPID   USER     TIME  COMMAND\n    \
         1 1000      0:00 ps\n"
    );
    world.readonly_rootfs = true;
    let (code, _, errors) = world.run(&["sh", "-c", "echo x > /x"], &[]);
    assert_eq!(code, Some(1));
    assert_eq!(errors, "sh: can't create /x: Read-only file system\n");
    let (_, out, _) = world.run(&["date", "-u", "+%Y-%m-%d %A"], &[]);
    assert_eq!(out, "2026-01-01 Thursday\n");
}

#[test]
fn signals_end_those_who_do_not_ignore_them() {
    let term = |words: &[&str]| {
        let world = World::new("busybox:1.36");
        let started = world.start(words, &[]);
        world.pass(Duration::from_secs(3));
        world.node.signal(&world.ctx, started.pid, node::SIGTERM);
        let code = world.end(&started, Duration::from_secs(60));
        (code, started.output())
    };
    // The first process of a PID namespace has no default action.
    assert_eq!(term(&["sleep", "3600"]), (None, String::new()));
    assert_eq!(term(&["sh", "-c", "sleep 3600"]), (None, String::new()));
    assert_eq!(
        term(&["sh", "-c", "trap 'echo got it; exit 7' TERM; while true; do sleep 1; done"]),
        (Some(7), "got it\n".to_owned())
    );
    assert_eq!(
        term(&["sh", "-c", "trap 'exit 3' TERM; sleep 3600 & wait"]),
        (Some(3), String::new())
    );
    let nginx = World::new("nginx");
    let started = nginx.start(&["nginx", "-g", "daemon off;"], &[]);
    nginx.pass(Duration::from_secs(1));
    nginx.node.signal(&nginx.ctx, started.pid, node::SIGTERM);
    assert_eq!(nginx.end(&started, Duration::from_secs(60)), Some(0));
}

#[test]
fn the_last_command_takes_the_shells_place() {
    let name = |script: &str| {
        let world = World::new("busybox");
        let started = world.start(&["sh", "-c", script], &[]);
        world.pass(Duration::from_secs(1));
        world.node.process(started.pid).unwrap().argv.join(" ")
    };
    assert_eq!(name("sleep 1h"), "sleep 1h");
    assert_eq!(name("echo a; sleep 1h"), "sleep 1h");
    assert_eq!(name("sleep 1h\n"), "sh -c sleep 1h\n");
    assert_eq!(name("while true; do sleep 1h; done"), "sh -c while true; do sleep 1h; done");
}

#[test]
fn what_never_ends_does_not_keep_time_from_going_on() {
    for script in [
        "while true; do :; done",
        "while true; do echo x; done",
        "while true; do date >> /tmp/log; done",
        "f() { f; }; f",
        "f() { f & f; }; f",
        "f() { $(f); }; f",
        ":(){ :|:& };:",
        "x=a; while true; do x=$x$x; done",
        "yes > /tmp/y",
        "yes | cat > /dev/null",
        "dd if=/dev/zero of=/tmp/big",
        "cat /dev/zero",
        "seq 1 100000000000 > /dev/null",
        "sh -c 'kill -9 1'; sleep infinity",
    ] {
        let world = World::new("busybox");
        world.start(&["sh", "-c", script], &[]);
        world.pass(Duration::from_secs(300));
        assert!(world.sim.now().as_millis() >= 300_000, "{script}");
        let events = world.sim.event_count();
        assert!(events < 60_000, "{script}: {events} events");
    }
}

#[test]
fn mistakes_are_reported() {
    for (script, code, error) in [
        ("if", 2, "sh: line 1: syntax error: unexpected end of file\n"),
        ("echo a\nfi", 2, "sh: line 2: syntax error: unexpected \"fi\"\n"),
        ("echo 'a", 2, "sh: line 1: syntax error: unterminated quoted string\n"),
        ("echo ;;", 2, "sh: line 1: syntax error: unexpected \";;\"\n"),
        ("cat /nope", 1, "cat: can't open '/nope': No such file or directory\n"),
        ("foo", 127, "sh: foo: not found\n"),
        ("cd /nope", 2, "sh: cd: can't cd to /nope: No such file or directory\n"),
        (": ${x:?is needed}", 2, "sh: x: is needed\n"),
        ("expr 1 / 0", 2, "expr: division by zero\n"),
        ("[ 1 -eq a ]", 2, "[: invalid number 'a'\n"),
    ] {
        let (found, _, errors) = sh(script);
        assert_eq!((found, errors.as_str()), (Some(code), error), "{script}");
    }
}
