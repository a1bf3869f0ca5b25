//! A local endpoint that behaves, or misbehaves, as a test scripts it.
//!
//! ```
//! use chat_client::testing::{Action, ScriptedServer};
//! use chat_client::{BlockingRuntime, ChatRequest, EndpointConfig};
//!
//! let server = ScriptedServer::start(|request, attempt| match attempt {
//!     1 => Action::status(503),
//!     _ => Action::answer(request.question().to_uppercase()),
//! })?;
//! let chat = EndpointConfig::new(server.base_url(), "any").init()?;
//! let reply = BlockingRuntime::new()?.chat(&chat, &ChatRequest::user("blue"))?;
//! assert_eq!((reply.response.content.as_str(), reply.attempts), ("BLUE", 2));
//! assert_eq!(server.counts()["blue"], 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod connection;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

pub use connection::{Action, Request, completion};

type Script = dyn Fn(&Request, u32) -> Action + Send + Sync;

/// A server on a free port of the loopback interface; dropped, it is gone.
pub struct ScriptedServer {
    address: SocketAddr,
    log: Arc<Log>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The record of a server's requests.
#[derive(Default)]
struct Log {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// Requests of each body.
    attempts: BTreeMap<Vec<u8>, u32>,
    counts: BTreeMap<String, u32>,
    requests: u64,
    in_flight: u64,
    max_in_flight: u64,
    last: Option<Request>,
}

impl Log {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a request and says how often its body has come.
    fn enter(self: &Arc<Self>, request: &Request) -> (u32, InFlight) {
        let mut seen = self.seen();
        let attempt = seen.attempts.entry(request.body.clone()).or_default();
        *attempt += 1;
        let attempt = *attempt;
        *seen.counts.entry(request.question()).or_default() += 1;
        seen.requests += 1;
        seen.in_flight += 1;
        seen.max_in_flight = seen.max_in_flight.max(seen.in_flight);
        seen.last = Some(request.clone());
        (attempt, InFlight(Arc::clone(self)))
    }
}

/// A request that is being answered.
struct InFlight(Arc<Log>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.seen().in_flight -= 1;
    }
}

impl ScriptedServer {
    /// Starts a server that does what `script` says of each request, given how often the same body has come, from 1.
    ///
    /// # Errors
    ///
    /// The system's error where there is no port or thread.
    pub fn start(script: impl Fn(&Request, u32) -> Action + Send + Sync + 'static) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (log, script): (_, Arc<Script>) = (Arc::new(Log::default()), Arc::new(script));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("scripted-server".to_owned()).spawn({
            let log = Arc::clone(&log);
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, script, log) => {}
                        _ = stopped => {}
                    }
                });
            }
        })?;
        Ok(Self { address, log, stop: Some(stop), thread: Some(thread) })
    }

    /// The address to give to a client.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// How often each [question](Request::question) has come.
    pub fn counts(&self) -> BTreeMap<String, u32> {
        self.log.seen().counts.clone()
    }

    /// How many requests have come.
    pub fn requests(&self) -> u64 {
        self.log.seen().requests
    }

    /// Most requests that were being answered at once.
    pub fn max_concurrency(&self) -> u64 {
        self.log.seen().max_in_flight
    }

    /// The request that came last.
    pub fn last_request(&self) -> Option<Request> {
        self.log.seen().last.clone()
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may be gone already, which is as good.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: std::net::TcpListener, script: Arc<Script>, log: Arc<Log>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection::serve(stream, Arc::clone(&script), Arc::clone(&log)));
    }
}
