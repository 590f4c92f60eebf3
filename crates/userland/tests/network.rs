//! Programs that talk to each other.

mod support;

use std::time::Duration;
use support::World;

/// A script's output while something else serves in the same network.
fn against(server: &[&str], image: &str, script: &str) -> String {
    let mut world = World::new(image);
    world.start(server, &[]);
    world.pass(Duration::from_secs(1));
    world.image = "busybox".into();
    let (_, out, errors) = world.run(&["sh", "-c", script], &[]);
    out + &errors
}

#[test]
fn servers_answer() {
    let nginx: &[&str] = &["nginx", "-g", "daemon off;"];
    let page = against(nginx, "nginx", "wget -qO- http://localhost:80 | head -n 4");
    assert_eq!(page, "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to nginx!</title>\n");
    let by_address = against(nginx, "nginx", "wget -qO- 10.244.0.5/nope");
    assert_eq!(by_address, "wget: server returned error: HTTP/1.1 404 Not Found\n");
    let redis = "printf 'PING\\nSET a 1\\nINCR a\\nQUIT\\n' | nc localhost 6379";
    assert_eq!(against(&["redis-server"], "redis", redis), "+PONG\r\n+OK\r\n:2\r\n+OK\r\n");
    let agnhost =
        "wget -qO- localhost:8080/echo?msg=hi%20you; echo; wget -qO- localhost:8080/hostname";
    assert_eq!(
        against(&["/agnhost", "netexec"], "registry.k8s.io/e2e-test-images/agnhost:2.40", agnhost),
        "hi you\nnode"
    );
}

#[test]
fn who_is_not_there_is_reported() {
    let none: &[&str] = &["sleep", "1h"];
    let table = [
        (
            "wget -qO- localhost",
            "wget: can't connect to remote host (127.0.0.1): Connection refused\n",
        ),
        ("wget -qO- nosuchhost", "wget: bad address 'nosuchhost'\n"),
        ("wget -T 5 -qO- 10.1.2.3", "wget: download timed out\n"),
        ("nc -z localhost 80; echo $?", "1\nnc: localhost (localhost:80): Connection refused\n"),
        (
            "nslookup mydb.default.svc.cluster.local | tail -n 2",
            "** server can't find mydb.default.svc.cluster.local: NXDOMAIN\n\n",
        ),
        (
            "wget -qO- http://info.cern.ch",
            "<html><head><title>info.cern.ch</title></head><body><h1>This is info.cern.ch.</h1></body></html>\n",
        ),
        ("(echo answer | nc -l -p 7000) & sleep 1; nc localhost 7000 < /dev/null", "answer\n"),
        (
            "httpd -p 8000 -h /data; echo page > /data/index.html; wget -qO- localhost:8000",
            "page\n",
        ),
    ];
    for (script, expected) in table {
        assert_eq!(against(none, "busybox", script), expected, "{script}");
    }
}
