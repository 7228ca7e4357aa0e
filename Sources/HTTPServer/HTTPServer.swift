// HTTPServer: a small HTTP/1.1 server over libmicrohttpd's epoll threads. May import Addresses, Bytes
// and Threads; the only target that imports CMicrohttpd.

public import Addresses
private import CMicrohttpd
private import Glibc
internal import Synchronization
import Threads

/// Serves HTTP on some endpoints with a pool of threads, until stopped.
///
/// The handler is called on those threads, many at a time. Connections are kept alive; those that idle,
/// or that take too long over a request, are closed.
public final class HTTPServer: Sendable {
  /// What is listened on, in the order asked for; ports that were 0 are filled in.
  public let boundEndpoints: [Endpoint]
  private let context: ServerContext
  private let daemons: Mutex<[DaemonReference]>
  let adopters: Mutex<Adopters>
  private let watchman: WorkerThread

  /// Listens on all of `endpoints`, or on none of them.
  public init(
    listen endpoints: [Endpoint], options: HTTPServerOptions = HTTPServerOptions(),
    handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
  ) throws(HTTPServerError) {
    let context = ServerContext(options, handler)
    adopters = Mutex(Adopters(context: context))
    var started: [DaemonReference] = []
    var bound: [Endpoint] = []
    for endpoint in endpoints {
      guard let daemon = DaemonReference(endpoint, context, identity: options.identity) else {
        let code = apus_mhd_errno()
        for daemon in started { daemon.stop() }
        throw HTTPServerError(endpoint: endpoint, code: code)
      }
      bound.append(Endpoint(endpoint.address, port: daemon.port))
      started.append(daemon)
    }
    boundEndpoints = bound
    daemons = Mutex(started)
    self.context = context
    watchman = WorkerThread(name: "http-deadlines") { context.deadlines.run() }
  }

  /// Listens nowhere: serves the connections that `adopt` is given.
  public init(
    options: HTTPServerOptions = HTTPServerOptions(),
    handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse
  ) throws(HTTPServerError) {
    let context = ServerContext(options, handler)
    boundEndpoints = []
    daemons = Mutex([])
    let adopters = try Adopters(context: context, starting: options.identity)
    self.adopters = Mutex(adopters)
    self.context = context
    watchman = WorkerThread(name: "http-deadlines") { context.deadlines.run() }
  }

  deinit { stop() }

  /// Stops listening, closes every connection and waits for requests in the handler. Idempotent; not
  /// to be called by the handler.
  public func stop() {
    let daemons = daemons.withLock { daemons in
      let all = daemons
      daemons = []
      return all
    }
    for daemon in daemons + adopters.withLock({ $0.removeAll() }) { daemon.stop() }
    context.deadlines.stop()
    watchman.join()
  }
}

/// Bounds of an `HTTPServer`; times in seconds.
public struct HTTPServerOptions: Sendable {
  /// Threads an endpoint, of those that there are processors for.
  public var threads = 2
  /// Connections an endpoint; more have to wait in the system's queue.
  public var maximumConnections = 8192
  /// Connections of one address, 0 for any number.
  public var maximumConnectionsPerAddress = 0
  /// How long a connection may do nothing.
  public var idleTimeout = 30
  /// How long a request may take to come in, from its first line or the connection's start.
  public var requestTimeout = 10.0
  /// Bytes of memory a connection; three quarters of it bound the header.
  public var connectionMemory = 32 << 10
  /// Bytes of a request's body; a larger one closes the connection.
  public var maximumBody = 64 << 10
  /// Names of the headers that the handler wants to see.
  public var headers: [String] = []
  /// Who the server is to clients that speak TLS; without it, it speaks plain HTTP.
  public var identity: TLSIdentity?

  /// The defaults.
  public init() {}
}

/// An endpoint that cannot be listened on.
public struct HTTPServerError: Error, Sendable, CustomStringConvertible {
  /// The endpoint; `nil` if the server was to listen nowhere.
  public let endpoint: Endpoint?
  /// The C library's error number.
  public let code: Int32

  /// One line for people.
  public var description: String {
    let reason = unsafe code == 0 ? "the system or the certificate refuses" : String(cString: strerror(code))
    guard let endpoint else { return "cannot serve HTTP: \(reason)" }
    return "cannot listen on \(endpoint): \(reason)"
  }
}

extension HTTPServer {
  static func close(_ descriptor: Int32) -> Bool {
    Glibc.close(descriptor)
    return false
  }
}
