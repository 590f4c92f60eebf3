//! Probes and lifecycle hooks.

// The names are Kubernetes' own, and its API reference explains each of them.
#![allow(missing_docs)]

use crate::IntOrString;
use crate::value::objects;

objects! {
    /// A question that the kubelet asks a container again and again. One of the four handlers is set.
    Probe "Probe" {
        exec: Option<ExecAction> = "exec";
        http_get: Option<Box<HttpGetAction>> = "httpGet";
        tcp_socket: Option<TcpSocketAction> = "tcpSocket";
        grpc: Option<GrpcAction> = "grpc";
        initial_delay_seconds: i32 = "initialDelaySeconds";
        timeout_seconds: i32 = "timeoutSeconds";
        period_seconds: i32 = "periodSeconds";
        success_threshold: i32 = "successThreshold";
        failure_threshold: i32 = "failureThreshold";
        termination_grace_period_seconds: Option<i64> = "terminationGracePeriodSeconds";
    }

    /// A command that runs in the container, without a shell.
    ExecAction "ExecAction" {
        command: Vec<String> = "command";
    }

    /// An HTTP request.
    HttpGetAction "HTTPGetAction" {
        path: String = "path";
        port: IntOrString = "port", always;
        host: String = "host";
        scheme: String = "scheme" as "v1.URIScheme";
        http_headers: Vec<HttpHeader> = "httpHeaders";
    }

    /// A header of an HTTP request.
    HttpHeader "HTTPHeader" {
        name: String = "name", always;
        value: String = "value", always;
    }

    /// A TCP connection, opened and closed.
    TcpSocketAction "TCPSocketAction" {
        port: IntOrString = "port", always;
        host: String = "host";
    }

    /// A call of the gRPC health service.
    GrpcAction "GRPCAction" {
        port: i32 = "port", always;
        service: Option<String> = "service", always;
    }

    /// What happens right after a container's start and right before its end.
    Lifecycle "Lifecycle" {
        post_start: Option<Box<LifecycleHandler>> = "postStart";
        pre_stop: Option<Box<LifecycleHandler>> = "preStop";
        stop_signal: Option<String> = "stopSignal" as "v1.Signal";
    }

    /// One hook. One of the handlers is set; `tcpSocket` is accepted and always fails.
    LifecycleHandler "LifecycleHandler" {
        exec: Option<ExecAction> = "exec";
        http_get: Option<Box<HttpGetAction>> = "httpGet";
        tcp_socket: Option<TcpSocketAction> = "tcpSocket";
        sleep: Option<SleepAction> = "sleep";
    }

    /// A pause of some seconds.
    SleepAction "SleepAction" {
        seconds: i64 = "seconds", always;
    }
}
