public import Addresses
private import CMicrohttpd
internal import Synchronization

/// The daemons that serve connections which something else has accepted: one a thread.
struct Adopters {
  private let context: ServerContext
  private var serving: [DaemonReference] = []
  /// Those with an older certificate, as long as they have connections.
  private var retired: [DaemonReference] = []

  init(context: ServerContext) { self.context = context }

  init(context: ServerContext, starting identity: TLSIdentity?) throws(HTTPServerError) {
    self.context = context
    serving = try start(identity)
  }

  private func start(_ identity: TLSIdentity?) throws(HTTPServerError) -> [DaemonReference] {
    var started: [DaemonReference] = []
    for _ in 0..<max(1, context.options.threads) {
      guard let daemon = DaemonReference(nil, context, identity: identity) else {
        let code = apus_mhd_errno()
        for daemon in started { daemon.stop() }
        throw HTTPServerError(endpoint: nil, code: code)
      }
      started.append(daemon)
    }
    return started
  }

  /// One address is always served by the same daemon, so that its bound for an address counts.
  func adopt(_ descriptor: Int32, from remote: Endpoint) -> Bool? {
    guard !serving.isEmpty else { return nil }
    let words = remote.address.words
    let hash = (words.high ^ words.low) &* 0x9e37_79b9_7f4a_7c15
    return serving[Int(hash >> 32) % serving.count].adopt(descriptor, from: remote)
  }

  mutating func replace(_ identity: TLSIdentity) throws(HTTPServerError) {
    let fresh = try start(identity)
    retired += serving
    serving = fresh
  }

  /// Takes out those that have nothing left to do.
  mutating func removeIdle() -> [DaemonReference] {
    let idle = retired.filter { $0.connections == 0 }
    retired.removeAll { daemon in idle.contains { $0 === daemon } }
    return idle
  }

  mutating func removeAll() -> [DaemonReference] {
    defer { (serving, retired) = ([], []) }
    return serving + retired
  }
}

/// A private key and the certificates that go with it, as PEM.
public struct TLSIdentity: Sendable, Equatable {
  /// The server's own certificate first, then those that lead to a root.
  public let certificates: String
  /// The private key of the first certificate.
  public let key: String

  /// An identity; whether it is one is seen when a server starts with it.
  public init(certificates: String, key: String) {
    self.certificates = certificates
    self.key = key
  }
}

extension HTTPServer {
  /// Serves a connection that something else has accepted, of whatever has not been read from it. The descriptor
  /// is the server's from now on, even if the result is false: then it was closed, as there are too many.
  @discardableResult
  public func adopt(_ descriptor: Int32, from remote: Endpoint) -> Bool {
    adopters.withLock { $0.adopt(descriptor, from: remote) } ?? Self.close(descriptor)
  }

  /// Has new connections meet another key and certificate; those that are there keep what they have. Throws, and
  /// changes nothing, if the two are no pair. Starts threads: not for an event loop.
  public func replace(_ identity: TLSIdentity) throws(HTTPServerError) {
    try adopters.withLock { adopters throws(HTTPServerError) in try adopters.replace(identity) }
  }

  /// Ends what served under earlier certificates, as far as its connections are gone. To be called now and then;
  /// joins threads.
  public func retire() {
    for daemon in adopters.withLock({ $0.removeIdle() }) { daemon.stop() }
  }
}
