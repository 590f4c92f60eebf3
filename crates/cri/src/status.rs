//! How a call ends when it does not succeed.

use std::error::Error;
use std::fmt;

/// The status codes of gRPC, with its numbers and its names.
///
/// Upstream: `codes/codes.go` and `codes/code_string.go` of grpc-go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Code {
    /// Success; a [`Status`] with this code is not an error.
    Ok = 0,
    /// The caller gave up.
    Canceled = 1,
    /// Any Go error that is not a status becomes this, and most errors of a runtime are such.
    Unknown = 2,
    /// The request makes no sense in any state of the runtime.
    InvalidArgument = 3,
    /// The time ran out: the caller's own, or for `ExecSync` that of the command.
    DeadlineExceeded = 4,
    /// No such sandbox, container or image.
    NotFound = 5,
    /// The name is taken.
    AlreadyExists = 6,
    /// The caller is known and may not.
    PermissionDenied = 7,
    /// Too much: of a quota, of disk space, or a message above the size limit.
    ResourceExhausted = 8,
    /// The request makes sense, but not in the present state.
    FailedPrecondition = 9,
    /// Lost against a concurrent call.
    Aborted = 10,
    /// Beyond the end.
    OutOfRange = 11,
    /// The server does not know the method.
    Unimplemented = 12,
    /// An invariant of the server is broken.
    Internal = 13,
    /// Nobody is listening: the daemon is down or restarting. Calling again may help.
    Unavailable = 14,
    /// Data is lost for good.
    DataLoss = 15,
    /// The caller is not known.
    Unauthenticated = 16,
}

impl Code {
    /// All of them; the index is the number.
    pub const ALL: [Code; 17] = [
        Code::Ok,
        Code::Canceled,
        Code::Unknown,
        Code::InvalidArgument,
        Code::DeadlineExceeded,
        Code::NotFound,
        Code::AlreadyExists,
        Code::PermissionDenied,
        Code::ResourceExhausted,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::Unimplemented,
        Code::Internal,
        Code::Unavailable,
        Code::DataLoss,
        Code::Unauthenticated,
    ];

    /// The name that grpc-go prints: `NotFound`, and `OK` for [`Code::Ok`].
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Ok => "OK",
            Code::Canceled => "Canceled",
            Code::Unknown => "Unknown",
            Code::InvalidArgument => "InvalidArgument",
            Code::DeadlineExceeded => "DeadlineExceeded",
            Code::NotFound => "NotFound",
            Code::AlreadyExists => "AlreadyExists",
            Code::PermissionDenied => "PermissionDenied",
            Code::ResourceExhausted => "ResourceExhausted",
            Code::FailedPrecondition => "FailedPrecondition",
            Code::Aborted => "Aborted",
            Code::OutOfRange => "OutOfRange",
            Code::Unimplemented => "Unimplemented",
            Code::Internal => "Internal",
            Code::Unavailable => "Unavailable",
            Code::DataLoss => "DataLoss",
            Code::Unauthenticated => "Unauthenticated",
        }
    }

    /// The code of that name, spelled as [`Code::as_str`] spells it.
    pub fn from_name(name: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// The code of that number on the wire (`grpc-status`).
    pub fn from_number(number: u8) -> Option<Code> {
        Code::ALL.get(usize::from(number)).copied()
    }

    /// The number on the wire (`grpc-status`).
    pub fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a call failed, as gRPC carries it.
///
/// It prints as grpc-go's client prints it, because that text is what ends up in the kubelet's log
/// and in events:
///
/// ```
/// # use cri::Status;
/// assert_eq!(
///     Status::not_found("an error occurred when try to find sandbox: not found").to_string(),
///     "rpc error: code = NotFound desc = an error occurred when try to find sandbox: not found",
/// );
/// ```
///
/// A runtime inside the kubelet's own process is called without gRPC; its errors are Go errors
/// without code or prefix. Show [`Status::message`] alone for those.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    /// What kind of failure.
    pub code: Code,
    /// In the runtime's words, without code or prefix.
    pub message: String,
}

impl Status {
    /// A status of any code.
    pub fn new(code: Code, message: impl Into<String>) -> Status {
        Status { code, message: message.into() }
    }

    /// What a gRPC server answers where the service is known and the method is not, for example a
    /// runtime that was compiled from an older `api.proto`.
    ///
    /// Upstream: `handleStream` in grpc-go's `server.go`. (A Go server that was compiled from this
    /// `api.proto` but does not implement the method says `method X not implemented` instead.)
    pub fn unknown_method(method: &str, service: &str) -> Status {
        Status::unimplemented(format!("unknown method {method} for service {service}"))
    }

    /// What a gRPC server answers where it does not have the service at all, for example
    /// `runtime.v1.RuntimeService` at a runtime that has only `v1alpha2`.
    pub fn unknown_service(service: &str) -> Status {
        Status::unimplemented(format!("unknown service {service}"))
    }
}

/// One constructor for each code that is a failure.
macro_rules! constructors {
    ($($name:ident $code:ident)*) => {
        impl Status {
            $(
                #[doc = concat!("[`Code::", stringify!($code), "`] and a message.")]
                pub fn $name(message: impl Into<String>) -> Status {
                    Status::new(Code::$code, message)
                }
            )*
        }
    };
}

constructors! {
    canceled Canceled
    unknown Unknown
    invalid_argument InvalidArgument
    deadline_exceeded DeadlineExceeded
    not_found NotFound
    already_exists AlreadyExists
    permission_denied PermissionDenied
    resource_exhausted ResourceExhausted
    failed_precondition FailedPrecondition
    aborted Aborted
    out_of_range OutOfRange
    unimplemented Unimplemented
    internal Internal
    unavailable Unavailable
    data_loss DataLoss
    unauthenticated Unauthenticated
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rpc error: code = {} desc = {}", self.code, self.message)
    }
}

impl Error for Status {}
