public import Addresses
internal import EventLoop
internal import HTTPServer

/// A running HTTP tracker: answers announces and scrapes until stopped.
public final class Tracker: Sendable {
  /// What it listens on, ports filled in.
  public let endpoints: [Endpoint]
  private let server: HTTPServer
  private let core: TrackerCore
  private let loop: Loop

  /// Listens on every endpoint of `configuration`, or throws and listens on none.
  public init(_ configuration: TrackerConfiguration) throws(TrackerError) {
    var seeds = SystemRandomNumberGenerator()
    let core = TrackerCore(configuration, seed: seeds.next()) {
      UInt32(truncatingIfNeeded: Instant.now.nanoseconds / 1_000_000_000)
    }
    let service = TrackerService(core)
    var options = HTTPServerOptions()
    options.threads = configuration.threads
    options.maximumConnections = configuration.maximumConnections
    options.headers.append("Authorization")
    // A batch of 10,000 torrents as JSON.
    options.maximumBody = 2 << 20
    do {
      server = try HTTPServer(listen: configuration.listen, options: options) { service.answer($0) }
    } catch {
      throw TrackerError(description: error.description)
    }
    endpoints = server.boundEndpoints
    self.core = core
    loop = Loop(name: "tracker")
    loop.post { loop in
      // Two of 256 shards, eight times a second: around in 16 seconds.
      let sweep = loop.timer { _ in core.sweep(shards: 2) }
      sweep.set(every: 0.125)
    }
  }

  deinit { stop() }

  /// What the table holds at this moment.
  public var statistics: SwarmStatistics { core.table.statistics }

  /// Stops listening, ends what is being answered and lets go of everything. Idempotent.
  public func stop() {
    server.stop()
    loop.stop()
    loop.join()
  }
}
