//! Compiles `proto/runtime/v1/api.proto` without `protoc`, into two files in `OUT_DIR`:
//!
//! * `runtime.v1.rs`: the messages and enums (by prost), then, by [`Services`] below, the service
//!   traits and what ties each request message to its method;
//! * `schema.txt`: names, numbers and types, which the `descriptor` module reads at run time.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_build::{Method, Module, Service, ServiceGenerator};
use protox::prost_reflect::prost_types::field_descriptor_proto::{Label, Type};
use protox::prost_reflect::prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, ServiceDescriptorProto,
};

#[allow(clippy::disallowed_methods, reason = "cargo tells a build script by environment variables")]
fn main() -> Result<(), Box<dyn Error>> {
    let proto = Path::new("../../proto");
    let api = proto.join("runtime/v1/api.proto");
    println!("cargo:rerun-if-changed={}", api.display());
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);

    let descriptors = protox::compile([&api], [proto])?;
    let file = the_only_file(&descriptors)?;

    let mut rust = prost_build::Config::new()
        // A map that iterates in one order: equal traces depend on it.
        .btree_map(["."])
        .service_generator(Box::new(Services))
        .generate(vec![(Module::from_protobuf_package_name(file.package()), file.clone())])?
        .into_values()
        .collect::<String>();
    for message in &file.message_type {
        name_message(&mut rust, file.package(), message.name())?;
    }
    std::fs::write(out.join("runtime.v1.rs"), rust)?;
    std::fs::write(out.join("schema.txt"), schema(file)?)?;
    Ok(())
}

fn the_only_file(descriptors: &FileDescriptorSet) -> Result<&FileDescriptorProto, String> {
    match descriptors.file.as_slice() {
        [file] => Ok(file),
        files => Err(format!("api.proto imports nothing, yet there are {} files", files.len())),
    }
}

/// `impl Named`: the message's name on the wire, which differs from prost's (`DNSConfig`,
/// `DnsConfig`).
fn name_message(out: &mut String, package: &str, message: &str) -> std::fmt::Result {
    writeln!(
        out,
        "impl crate::Named for {} {{ const FULL_NAME: &'static str = \"{package}.{message}\"; }}",
        message.to_upper_camel_case(),
    )
}

/// Writes one trait for each service and ties each request message to its method.
struct Services;

impl ServiceGenerator for Services {
    fn generate(&mut self, service: Service, out: &mut String) {
        service_trait(&service, out).expect("writing to a String does not fail");
        for method in &service.methods {
            request(&service, method, out).expect("writing to a String does not fail");
        }
        table_of_methods(&service, out).expect("writing to a String does not fail");
    }
}

fn full_name(service: &Service) -> String {
    format!("{}.{}", service.package, service.proto_name)
}

/// What a method of the trait answers with, beside its `Status`.
///
/// A list that comes in pieces is a `Vec` of the pieces; the events never end, so they are a
/// stream.
fn answer(method: &Method) -> String {
    let response = &method.output_type;
    match (method.server_streaming, method.proto_name.as_str()) {
        (false, _) => response.clone(),
        (true, "GetContainerEvents") => format!("crate::EventStream<{response}>"),
        (true, _) => format!("Vec<{response}>"),
    }
}

/// The trait, with a body for each method that answers "unknown method", as a gRPC server does
/// that was compiled from an older file.
///
/// The signatures are those that `#[async_trait(?Send)]` writes, so that it may be used for the
/// implementations; writing them out here keeps the default bodies small.
fn service_trait(service: &Service, out: &mut String) -> std::fmt::Result {
    service.comments.append_with_indent(0, out);
    writeln!(out, "pub trait {}<C> {{", service.name)?;
    for method in &service.methods {
        method.comments.append_with_indent(1, out);
        writeln!(
            out,
            "    fn {name}<'s, 'c, 'r>(&'s self, _ctx: &'c C, _request: {request}) \
             -> crate::Reply<'r, {answer}> where 's: 'r, 'c: 'r, Self: 'r {{\n        \
             crate::service::unknown_method({proto_name:?}, {service:?})\n    }}",
            name = method.name,
            request = method.input_type,
            answer = answer(method),
            proto_name = method.proto_name,
            service = full_name(service),
        )?;
    }
    writeln!(out, "}}")
}

fn request(service: &Service, method: &Method, out: &mut String) -> std::fmt::Result {
    let (request, answer, full_name) = (&method.input_type, answer(method), full_name(service));
    writeln!(
        out,
        "impl crate::Request for {request} {{\n    \
         type Response = {response};\n    \
         const SERVICE: &'static str = {full_name:?};\n    \
         const METHOD: &'static str = {name:?};\n    \
         const PATH: &'static str = \"/{full_name}/{name}\";\n}}",
        response = method.output_type,
        name = method.proto_name,
    )?;
    let (rpc, associated) = if method.server_streaming {
        ("StreamRpc", format!("type Stream = {answer};\n    "))
    } else {
        ("Rpc", String::new())
    };
    writeln!(
        out,
        "impl crate::{rpc} for {request} {{\n    \
         {associated}fn dispatch<'a, C>(self, cri: &'a dyn crate::Cri<C>, ctx: &'a C) \
         -> crate::Reply<'a, {answer}> {{\n        cri.{name}(ctx, self)\n    }}\n}}",
        name = method.name,
    )
}

/// A function that finds a method by name, decodes its request and calls it.
fn table_of_methods(service: &Service, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "pub(crate) fn {}<'a, C>(method: &str, body: &[u8], cri: &'a dyn crate::Cri<C>, ctx: &'a C) \
         -> Option<crate::Reply<'a, crate::Answer>> {{\n    Some(match method {{",
        service.name.to_snake_case(),
    )?;
    for method in &service.methods {
        let kind = if method.server_streaming { "stream" } else { "unary" };
        let (name, request) = (&method.proto_name, &method.input_type);
        writeln!(out, "        {name:?} => crate::bytes::{kind}::<C, {request}>(body, cri, ctx),")?;
    }
    writeln!(out, "        _ => return None,\n    }})\n}}")
}

/// The descriptors as text, in the order of `api.proto`. It is one line for each name, of words
/// with one space between them:
///
/// ```text
/// !RuntimeService                                       a service; its methods follow
/// Version VersionRequest VersionResponse                a method
/// GetContainerEvents GetEventsRequest >ContainerEve...  a method that answers with a stream
/// #Protocol                                             an enum; its values follow
/// UDP 1                                                 a value
/// @PodSandboxConfig                                     a message; its fields follow
/// hostname 2 string                                     a field
/// port_mappings 5 *PortMapping                          a repeated field
/// labels 6 %string                                      a map from string to string
/// ```
fn schema(file: &FileDescriptorProto) -> Result<String, Box<dyn Error>> {
    let mut out = String::new();
    for service in &file.service {
        schema_of_service(service, &mut out)?;
    }
    for enumeration in &file.enum_type {
        schema_of_enum("", enumeration, &mut out)?;
    }
    for message in &file.message_type {
        for enumeration in &message.enum_type {
            schema_of_enum(&format!("{}.", message.name()), enumeration, &mut out)?;
        }
        writeln!(out, "@{}", message.name())?;
        for field in &message.field {
            let kind = schema_of_type(message, field)?;
            writeln!(out, "{} {} {kind}", field.name(), field.number())?;
        }
    }
    Ok(out)
}

fn schema_of_service(service: &ServiceDescriptorProto, out: &mut String) -> std::fmt::Result {
    writeln!(out, "!{}", service.name())?;
    for method in &service.method {
        let stream = if method.server_streaming() { ">" } else { "" };
        let (request, response) = (local(method.input_type()), local(method.output_type()));
        writeln!(out, "{} {request} {stream}{response}", method.name())?;
    }
    Ok(())
}

fn schema_of_enum(
    scope: &str,
    enumeration: &EnumDescriptorProto,
    out: &mut String,
) -> std::fmt::Result {
    writeln!(out, "#{scope}{}", enumeration.name())?;
    for value in &enumeration.value {
        writeln!(out, "{} {}", value.name(), value.number())?;
    }
    Ok(())
}

fn schema_of_type(
    message: &DescriptorProto,
    field: &FieldDescriptorProto,
) -> Result<String, String> {
    if field.oneof_index.is_some() {
        return Err(format!("{}: the schema has no notation for oneof", field.name()));
    }
    let map_entry = message.nested_type.iter().find(|nested| {
        field.type_name().rsplit('.').next() == Some(nested.name())
            && nested.options.as_ref().is_some_and(|options| options.map_entry())
    });
    if let Some(entry) = map_entry {
        let [key, value] = entry.field.as_slice() else {
            return Err(format!("{}: an entry of a map has a key and a value", field.name()));
        };
        if key.r#type() != Type::String {
            return Err(format!("{}: the schema has no notation for such keys", field.name()));
        }
        return Ok(format!("%{}", type_name(value)?));
    }
    let repeated = if field.label() == Label::Repeated { "*" } else { "" };
    Ok(format!("{repeated}{}", type_name(field)?))
}

fn type_name(field: &FieldDescriptorProto) -> Result<&str, String> {
    Ok(match field.r#type() {
        Type::Message | Type::Enum => local(field.type_name()),
        Type::Bool => "bool",
        Type::Bytes => "bytes",
        Type::Double => "double",
        Type::Int32 => "int32",
        Type::Int64 => "int64",
        Type::String => "string",
        Type::Uint32 => "uint32",
        Type::Uint64 => "uint64",
        other => return Err(format!("{}: teach descriptor::Kind about {other:?}", field.name())),
    })
}

/// `.runtime.v1.PodSandboxConfig` as `PodSandboxConfig`.
fn local(full_name: &str) -> &str {
    full_name.strip_prefix(".runtime.v1.").unwrap_or(full_name)
}
