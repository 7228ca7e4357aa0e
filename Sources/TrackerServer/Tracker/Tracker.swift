public import Addresses
internal import EventLoop
public import JSON
import Logging
internal import Synchronization

/// A running tracker, over HTTP and UDP: answers announces and scrapes until stopped, or until another process takes
/// its place.
public final class Tracker: Sendable {
  /// What it listens on, ports filled in; HTTPS not among them.
  public let endpoints: [Endpoint]
  /// What an operator should know of the start: a snapshot that could not be used, whose place was taken.
  public let notices: [String]
  private let frontEnds: FrontEnds
  let core: TrackerCore
  private let keeper: StateKeeper?
  private let loop: Loop

  /// Listens on every endpoint of `configuration`, or throws and listens on none. `environment` gives the sockets of
  /// the service manager, if it passed some.
  public init(
    _ configuration: TrackerConfiguration, environment: (String) -> String? = { _ in nil }
  ) throws(TrackerError) {
    var seeds = SystemRandomNumberGenerator()
    let inherited = ListeningSocketSet.activated(environment: environment)
    var configuration = configuration
    if configuration.listen.isEmpty {
      configuration.listen = inherited.endpoints(configuration.servesHTTP ? .tcp : .udp)
    }
    let core = TrackerCore(configuration, seed: seeds.next()) {
      UInt32(truncatingIfNeeded: Instant.now.nanoseconds / 1_000_000_000)
    }
    try core.load(configuration.access)
    let beginning = try TrackerBeginning(core, inherited)
    let frontEnds = beginning.frontEnds
    (self.frontEnds, keeper, notices) = (frontEnds, beginning.keeper, beginning.notices)
    endpoints = frontEnds.endpoints
    self.core = core
    loop = Loop(name: "tracker")
    let keeper = beginning.keeper
    loop.post { [weak keeper] loop in
      let sweep = loop.timer { _ in core.sweep(shards: 2) }
      sweep.set(every: 0.125)
      // Certificates are replaced where they lie, by programs that renew them.
      let renewal = loop.timer { _ in
        do throws(TrackerError) {
          try frontEnds.http?.reloadIdentity()
        } catch {
          core.configuration.log?.warning("certificates", [LogField("fault", error.description)])
        }
      }
      renewal.set(every: 30)
      let often = Confined(loop.timer { _ in core.sweepLarge() }, on: loop)
      var isOften = false
      let second = loop.timer { loop in
        if core.isLarge != isOften {
          isOften = core.isLarge
          if isOften { often.value(on: loop).set(every: 0.01) } else { often.value(on: loop).cancel() }
        }
        core.status.tick(core)
        core.note(snapshotFault: keeper?.lastFault)
        core.access.forget(now: core.clock())
      }
      second.set(every: 1)
    }
  }

  deinit { stop() }

  /// Where it speaks HTTPS.
  public var secureEndpoints: [Endpoint] { frontEnds.http?.secureEndpoints ?? [] }

  /// What clients announce to, by each endpoint.
  public var announceURLs: [String] {
    endpoints.flatMap { endpoint in
      (frontEnds.http == nil ? [] : ["http://\(endpoint)/announce"])
        + (frontEnds.udp == nil ? [] : ["udp://\(endpoint)/announce"])
    } + secureEndpoints.map { "https://\($0)/announce" }
  }

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

  /// Whether another process has taken its place: then it remains to be stopped.
  public var isHandedOver: Bool { keeper?.isHandedOver ?? false }

  /// Whether it has a folder for its state, and so may be handed over.
  public var keepsState: Bool { keeper != nil }

  /// Has new connections over HTTPS meet the key and the certificates that are in their files now. Throws what is
  /// wrong with them, and changes nothing then. Happens by itself within half a minute.
  public func reloadIdentity() throws(TrackerError) { try frontEnds.http?.reloadIdentity() }

  /// Stops listening, ends what is being answered, writes a last snapshot and lets go of everything. Idempotent.
  public func stop() {
    loop.stop()
    loop.join()
    // What was read is answered to the end; the rest is for the other process.
    if isHandedOver { frontEnds.http?.finish(within: 5) }
    frontEnds.stop()
    keeper?.stop()
  }
}
