public import Addresses
internal import EventLoop
public import JSON
internal import Synchronization

/// A running tracker, over HTTP and UDP: answers announces and scrapes until stopped.
public final class Tracker: Sendable {
  /// What it listens on, ports filled in.
  public let endpoints: [Endpoint]
  private let http: HTTPFrontEnd?
  private let udp: UDPFrontEnd?
  private let core: TrackerCore
  private let loop: Loop

  /// Listens on every endpoint of `configuration`, or throws and listens on none.
  public init(_ configuration: TrackerConfiguration) throws(TrackerError) {
    var seeds = SystemRandomNumberGenerator()
    let core = TrackerCore(configuration, seed: seeds.next()) {
      UInt32(truncatingIfNeeded: Instant.now.nanoseconds / 1_000_000_000)
    }
    try core.load(configuration.access)
    (http, udp) = try Self.listen(core)
    endpoints = http?.endpoints ?? udp?.endpoints ?? []
    self.core = core
    loop = Loop(name: "tracker")
    loop.post { [http] loop in
      let sweep = loop.timer { _ in core.sweep(shards: 2) }
      sweep.set(every: 0.125)
      // Certificates are replaced where they lie, by programs that renew them.
      let renewal = loop.timer { _ in try? http?.reloadIdentity() }
      renewal.set(every: 30)
      let second = loop.timer { _ in
        core.status.tick(core)
        core.access.forget(now: core.clock())
      }
      second.set(every: 1)
    }
  }

  deinit { stop() }

  /// What clients announce to, by each endpoint.
  public var announceURLs: [String] {
    endpoints.flatMap { endpoint in
      (http == nil ? [] : ["http://\(endpoint)/announce"])
        + (udp == nil ? [] : ["udp://\(endpoint)/announce"])
    } + secureEndpoints.map { "https://\($0)/announce" }
  }

  /// Where it speaks HTTPS.
  public var secureEndpoints: [Endpoint] { http?.secureEndpoints ?? [] }

  /// Whether the loop that looks after the table turns.
  public var isTurning: Bool { core.isTurning }

  /// Reads the files of `access` anew and has them count from now on; what peers have announced before stays until
  /// it expires. Throws what is wrong, and leaves all as it was.
  public func load(_ access: AccessConfiguration) throws(TrackerError) { try core.load(access) }

  /// Has `work` done when an administrator asks for it over HTTP, on a thread of the server; it tells what came of
  /// it.
  public func onReload(_ work: @escaping @Sendable () throws(TrackerError) -> JSONValue) {
    core.reloading.withLock { $0 = work }
  }

  /// What the table holds at this moment.
  public var statistics: SwarmStatistics { core.table.statistics }

  /// Has new connections over HTTPS meet the key and the certificates that are in their files now. Throws what is
  /// wrong with them, and changes nothing then. Happens by itself within half a minute.
  public func reloadIdentity() throws(TrackerError) { try http?.reloadIdentity() }

  /// Stops listening, ends what is being answered and lets go of everything. Idempotent.
  public func stop() {
    loop.stop()
    loop.join()
    http?.stop()
    udp?.stop()
  }

  /// Opens both front ends on the same ports. A free port of one may be taken by others for the other: then another
  /// free one is tried.
  private static func listen(_ core: TrackerCore) throws(TrackerError) -> (HTTPFrontEnd?, UDPFrontEnd?) {
    let configuration = core.configuration
    let attempts = configuration.listen.contains { $0.port == 0 } ? 8 : 1
    for _ in 1..<attempts {
      if let ends = try? openFrontEnds(core) { return ends }
    }
    return try openFrontEnds(core)
  }

  private static func openFrontEnds(_ core: TrackerCore) throws(TrackerError) -> (HTTPFrontEnd?, UDPFrontEnd?)
  {
    let configuration = core.configuration
    let http = configuration.servesHTTP ? try HTTPFrontEnd(core) : nil
    guard configuration.servesUDP else { return (http, nil) }
    do {
      return (http, try UDPFrontEnd(listen: http?.endpoints ?? configuration.listen, core: core))
    } catch {
      http?.stop()
      throw TrackerError(description: error.description)
    }
  }
}
