//! SPDY/3.1, as far as kubectl, crictl and the kubelet use it: streams that the client opens, in both
//! directions, without flow control.
//!
//! Upstream: the SPDY protocol, draft 3.1; its Go implementation is moby/spdystream. No crate on
//! crates.io speaks it.

use super::channel::{Carrier, Channel, Connection, Outbox, Outgoing, Outlet, connection};
use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use futures_util::future::{Either, select};
use std::collections::BTreeMap;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// The words that header blocks are compressed against, the more common ones later. Each is
/// preceded by its length, as it would be in a block.
const WORDS: &str = "options head post put delete trace accept accept-charset accept-encoding \
     accept-language accept-ranges age allow authorization cache-control connection content-base \
     content-encoding content-language content-length content-location content-md5 content-range \
     content-type date etag expect expires from host if-match if-modified-since if-none-match \
     if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate \
     proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade \
     user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url \
     public set-cookie keep-alive origin";
/// What follows the words.
const TAIL: &str = "100101201202205206300302303304305306307402405406407408409410411412413414415416\
     417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad \
     Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not \
     Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 \
     Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,\
     application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,\
     deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

/// Types of control frames.
const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const PING: u16 = 6;
const GOAWAY: u16 = 7;

/// Set in the first two bytes of a control frame, beside the version.
const CONTROL: u16 = 0x8000;
const VERSION: u16 = 3;
/// The flag of the last frame on a stream.
const FIN: u8 = 1;
/// The longest frame that is read, in bytes.
const FRAME_MAX: usize = 1 << 20;
/// The longest data frame that is written, in bytes.
const DATA_MAX: usize = 32 << 10;
/// The most that a header block may unpack to, in bytes.
const HEADERS_MAX: usize = 64 << 10;

fn dictionary() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1423);
    for word in WORDS.split(' ') {
        let word = word.replace('_', " ");
        bytes.put_u32(u32::try_from(word.len()).unwrap_or_default());
        bytes.put_slice(word.as_bytes());
    }
    bytes.put_slice(TAIL.as_bytes());
    bytes
}

/// Speaks SPDY on a connection.
pub(super) fn accept<I>(io: I) -> Connection
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (connection, Carrier { streams, outlet, outbox }) = connection();
    let (input, output) = tokio::io::split(io);
    let reader = Reader {
        input,
        unpacker: Decompress::new(true),
        incoming: BTreeMap::new(),
        streams,
        outlet,
    };
    tokio::task::spawn_local(async move {
        let writing = pin!(write(output, outbox));
        // However the client ends the connection, there is nobody to tell. What is on its way to
        // the client may still arrive.
        if let Either::Left((_, writing)) = select(pin!(reader.run()), writing).await {
            let _ = writing.await;
        }
    });
    connection
}

struct Reader<R> {
    input: R,
    unpacker: Decompress,
    /// Where to put what arrives on each stream that the client has not ended.
    incoming: BTreeMap<u32, mpsc::Sender<Bytes>>,
    streams: mpsc::Sender<Channel>,
    outlet: Outlet,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads until the client closes the connection, or does what the protocol does not allow.
    async fn run(mut self) -> Result<()> {
        loop {
            let mut head = [0; 8];
            self.input.read_exact(&mut head).await?;
            let mut head = &head[..];
            let (first, flags, length) = (head.get_u32(), head.get_u8(), head.get_uint(3) as usize);
            ensure!(length <= FRAME_MAX, "a frame of {length} bytes");
            let mut body = BytesMut::zeroed(length);
            self.input.read_exact(&mut body).await?;
            let body = body.freeze();
            match u16::try_from(first >> 16).unwrap_or_default() {
                control if control & CONTROL == 0 => {
                    self.data(first, body, flags & FIN != 0).await;
                }
                control if control == CONTROL | VERSION => {
                    if !self.control(first as u16, flags, body).await? {
                        return Ok(());
                    }
                }
                other => bail!("version {} of SPDY", other & !CONTROL),
            }
        }
    }

    async fn data(&mut self, id: u32, body: Bytes, last: bool) {
        // What arrives on an unknown stream, or on one whose reader is gone, is nobody's.
        if let Some(incoming) = self.incoming.get(&id).filter(|_| !body.is_empty()) {
            let _ = incoming.send(body).await;
        }
        if last {
            self.incoming.remove(&id);
        }
    }

    /// False if the client says goodbye.
    async fn control(&mut self, kind: u16, flags: u8, mut body: Bytes) -> Result<bool> {
        match kind {
            SYN_STREAM => {
                ensure!(body.len() >= 10, "a short SYN_STREAM");
                let id = body.get_u32() & 0x7fff_ffff;
                // The stream that it belongs to, and its priority: unused.
                body.advance(6);
                let headers = self.headers(&body)?;
                let (channel, incoming) = Channel::new(id, headers, &self.outlet);
                if flags & FIN == 0 {
                    self.incoming.insert(id, incoming);
                }
                self.outlet.send(Outgoing::Accepted { id });
                // Nobody may be waiting for more streams.
                let _ = self.streams.send(channel).await;
            }
            RST_STREAM => {
                ensure!(body.len() >= 8, "a short RST_STREAM");
                self.incoming.remove(&(body.get_u32() & 0x7fff_ffff));
            }
            PING => {
                ensure!(body.len() >= 4, "a short PING");
                // Odd numbers are the client's.
                if body[3] & 1 == 1 {
                    let mut frame = BytesMut::new();
                    put_control(&mut frame, PING, &body[..4]);
                    self.outlet.send(Outgoing::Frame(frame.freeze()));
                }
            }
            GOAWAY => return Ok(false),
            // Settings, windows, more headers: nothing here depends on them.
            _ => {}
        }
        Ok(true)
    }

    /// Unpacks a block of headers. All blocks of a connection are one compressed stream.
    fn headers(&mut self, mut packed: &[u8]) -> Result<BTreeMap<String, String>> {
        let mut unpacked = vec![0; HEADERS_MAX];
        let begin = self.unpacker.total_out();
        loop {
            let written = (self.unpacker.total_out() - begin) as usize;
            let before = self.unpacker.total_in();
            let result =
                self.unpacker.decompress(packed, &mut unpacked[written..], FlushDecompress::Sync);
            packed = &packed[(self.unpacker.total_in() - before) as usize..];
            match result {
                Ok(Status::Ok | Status::BufError) => break,
                Ok(Status::StreamEnd) => bail!("the headers have ended"),
                Err(error) if error.needs_dictionary().is_some() => {
                    self.unpacker.set_dictionary(&dictionary())?;
                }
                Err(error) => return Err(error).context("unpacking headers"),
            }
        }
        let length = (self.unpacker.total_out() - begin) as usize;
        ensure!(packed.is_empty() && length < HEADERS_MAX, "too many headers");
        parse_headers(&unpacked[..length])
    }
}

/// Names and values, each preceded by its length.
fn parse_headers(mut block: &[u8]) -> Result<BTreeMap<String, String>> {
    let text = |block: &mut &[u8]| -> Result<String> {
        let length = block.try_get_u32().context("headers end early")? as usize;
        let (text, rest) = block.split_at_checked(length).context("headers end early")?;
        *block = rest;
        Ok(String::from_utf8(text.to_vec())?)
    };
    let count = block.try_get_u32().context("headers end early")?;
    let mut headers = BTreeMap::new();
    for _ in 0..count {
        let name = text(&mut block)?.to_ascii_lowercase();
        headers.insert(name, text(&mut block)?);
    }
    Ok(headers)
}

/// Writes until the connection is to be closed.
async fn write<W: AsyncWrite + Unpin>(mut output: W, mut outbox: Outbox) -> Result<()> {
    let mut packer = Compress::new(Compression::default(), true);
    packer.set_dictionary(&dictionary())?;
    let mut frames = BytesMut::new();
    while let Some(message) = outbox.next().await {
        match message {
            Outgoing::Data { id, mut bytes, last } => loop {
                let part = bytes.split_to(bytes.len().min(DATA_MAX));
                frames.put_u32(id);
                frames.put_u8(if last && bytes.is_empty() { FIN } else { 0 });
                frames.put_uint(part.len() as u64, 3);
                frames.put_slice(&part);
                if bytes.is_empty() {
                    break;
                }
            },
            Outgoing::Accepted { id } => {
                let mut body = id.to_be_bytes().to_vec();
                pack(&mut packer, &0_u32.to_be_bytes(), &mut body)?;
                put_control(&mut frames, SYN_REPLY, &body);
            }
            Outgoing::Frame(frame) => frames.put_slice(&frame),
            Outgoing::Close => break,
        }
        output.write_all(&frames.split()).await?;
        output.flush().await?;
    }
    output.shutdown().await?;
    Ok(())
}

/// Adds a block of headers to the compressed stream.
fn pack(packer: &mut Compress, block: &[u8], to: &mut Vec<u8>) -> Result<()> {
    // What an incompressible block grows by, and the flush.
    to.reserve(block.len() + 64);
    packer.compress_vec(block, to, FlushCompress::Sync)?;
    Ok(())
}

fn put_control(frames: &mut BytesMut, kind: u16, body: &[u8]) {
    frames.put_u16(CONTROL | VERSION);
    frames.put_u16(kind);
    frames.put_u8(0);
    frames.put_uint(body.len() as u64, 3);
    frames.put_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_is_that_of_the_protocol() {
        let bytes = dictionary();
        // Adler-32, by which zlib streams name their dictionary.
        let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
            let a = (a + u32::from(byte)) % 65_521;
            (a, (b + a) % 65_521)
        });
        assert_eq!((bytes.len(), b << 16 | a), (1423, 0xe3c6_a7c2));
    }

    /// A client's frame that opens a stream.
    fn open(packer: &mut Compress, id: u32, headers: &[(&str, &str)]) -> BytesMut {
        let mut block = BytesMut::new();
        block.put_u32(headers.len() as u32);
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            block.put_u32(text.len() as u32);
            block.put_slice(text.as_bytes());
        }
        let mut body = id.to_be_bytes().to_vec();
        body.extend([0; 6]);
        pack(packer, &block, &mut body).unwrap();
        let mut frame = BytesMut::new();
        put_control(&mut frame, SYN_STREAM, &body);
        frame
    }

    fn data(id: u32, flags: u8, bytes: &[u8]) -> BytesMut {
        let mut frame = BytesMut::new();
        frame.put_u32(id);
        frame.put_u8(flags);
        frame.put_uint(bytes.len() as u64, 3);
        frame.put_slice(bytes);
        frame
    }

    #[tokio::test(flavor = "local")]
    async fn streams_are_opened_read_and_written() {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let mut connection = accept(server);
        let mut packer = Compress::new(Compression::default(), true);
        packer.set_dictionary(&dictionary()).unwrap();
        for (id, kind) in [(1, "error"), (3, "stdin")] {
            client.write_all(&open(&mut packer, id, &[("StreamType", kind)])).await.unwrap();
        }
        client.write_all(&data(3, 0, b"hel")).await.unwrap();
        client.write_all(&data(3, FIN, b"lo")).await.unwrap();
        let error = connection.next().await.unwrap();
        let mut stdin = connection.next().await.unwrap();
        assert_eq!((error.header("streamtype"), stdin.header("streamtype")), ("error", "stdin"));
        assert_eq!(stdin.read().await.unwrap(), "hel");
        assert_eq!(stdin.read().await.unwrap(), "lo");
        assert_eq!(stdin.read().await, None);

        error.writer().send(Bytes::from(vec![7; DATA_MAX + 1]));
        error.writer().close();
        drop(connection);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        let mut answer = &answer[..];
        for id in [1, 3] {
            assert_eq!((answer.get_u16(), answer.get_u16()), (CONTROL | VERSION, SYN_REPLY));
            let length = answer.get_u32() as usize;
            assert_eq!(answer.get_u32(), id);
            answer.advance(length - 4);
        }
        for (flags, length) in [(0, DATA_MAX), (0, 1), (FIN, 0)] {
            assert_eq!((answer.get_u32(), answer.get_u8()), (1, flags));
            assert_eq!(answer.get_uint(3) as usize, length);
            answer.advance(length);
        }
        assert!(answer.is_empty());
    }

    #[tokio::test(flavor = "local")]
    async fn garbage_ends_the_connection() {
        let mut bomb = Vec::new();
        let mut packer = Compress::new(Compression::best(), true);
        packer.set_dictionary(&dictionary()).unwrap();
        let mut body = vec![0; 10];
        body.reserve(1 << 16);
        packer.compress_vec(&vec![0; 1 << 22], &mut body, FlushCompress::Sync).unwrap();
        let mut frame = BytesMut::new();
        put_control(&mut frame, SYN_STREAM, &body);
        bomb.extend_from_slice(&frame);
        for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0x80, 3, 0, 1, 0, 0, 0, 2, 0, 0], &bomb] {
            let (mut client, server) = tokio::io::duplex(1 << 20);
            let mut connection = accept(server);
            client.write_all(garbage).await.unwrap();
            client.shutdown().await.unwrap();
            assert!(connection.next().await.is_none());
        }
    }
}
