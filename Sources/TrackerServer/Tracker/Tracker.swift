public import Addresses
internal import EventLoop
internal import HTTPServer

/// A running tracker, over HTTP and UDP: answers announces and scrapes until stopped.
public final class Tracker: Sendable {
  /// What it listens on, ports filled in.
  public let endpoints: [Endpoint]
  private let server: HTTPServer?
  private let udp: UDPFrontEnd?
  private let core: TrackerCore
  private let loop: Loop

  /// Listens on every endpoint of `configuration`, or throws and listens on none.
  public init(_ configuration: TrackerConfiguration) throws(TrackerError) {
    var seeds = SystemRandomNumberGenerator()
    let core = TrackerCore(configuration, seed: seeds.next()) {
      UInt32(truncatingIfNeeded: Instant.now.nanoseconds / 1_000_000_000)
    }
    (server, udp) = try Self.listen(core)
    endpoints = server?.boundEndpoints ?? udp?.endpoints ?? []
    self.core = core
    loop = Loop(name: "tracker")
    loop.post { loop in
      let sweep = loop.timer { _ in core.sweep(shards: 2) }
      sweep.set(every: 0.125)
    }
  }

  deinit { stop() }

  /// What clients announce to, by each endpoint.
  public var announceURLs: [String] {
    endpoints.flatMap { endpoint in
      (server == nil ? [] : ["http://\(endpoint)/announce"])
        + (udp == nil ? [] : ["udp://\(endpoint)/announce"])
    }
  }

  /// What the table holds at this moment.
  public var statistics: SwarmStatistics { core.table.statistics }

  /// Stops listening, ends what is being answered and lets go of everything. Idempotent.
  public func stop() {
    server?.stop()
    udp?.stop()
    loop.stop()
    loop.join()
  }

  /// Opens both front ends on the same ports. A free port of one may be taken by others for the other: then another
  /// free one is tried.
  private static func listen(_ core: TrackerCore) throws(TrackerError) -> (HTTPServer?, UDPFrontEnd?) {
    let configuration = core.configuration
    let attempts = configuration.listen.contains { $0.port == 0 } ? 8 : 1
    for _ in 1..<attempts {
      if let ends = try? openFrontEnds(core) { return ends }
    }
    return try openFrontEnds(core)
  }

  private static func openFrontEnds(_ core: TrackerCore) throws(TrackerError) -> (HTTPServer?, UDPFrontEnd?) {
    let configuration = core.configuration
    let server = configuration.servesHTTP ? try openHTTP(core) : nil
    guard configuration.servesUDP else { return (server, nil) }
    do {
      return (server, try UDPFrontEnd(listen: server?.boundEndpoints ?? configuration.listen, core: core))
    } catch {
      server?.stop()
      throw TrackerError(description: error.description)
    }
  }

  private static func openHTTP(_ core: TrackerCore) throws(TrackerError) -> HTTPServer {
    let service = TrackerService(core)
    var options = HTTPServerOptions()
    options.threads = core.configuration.threads
    options.maximumConnections = core.configuration.maximumConnections
    do {
      return try HTTPServer(listen: core.configuration.listen, options: options) { service.answer($0) }
    } catch {
      throw TrackerError(description: error.description)
    }
  }
}
