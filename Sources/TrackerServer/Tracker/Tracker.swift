public import Addresses
internal import EventLoop
internal import Glibc
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
    let beginning = try Beginning(core, inherited)
    let frontEnds = beginning.frontEnds
    (self.frontEnds, keeper, notices) = (frontEnds, beginning.keeper, beginning.notices)
    endpoints = frontEnds.endpoints
    self.core = core
    loop = Loop(name: "tracker")
    loop.post { loop in
      let sweep = loop.timer { _ in core.sweep(shards: 2) }
      sweep.set(every: 0.125)
      // Certificates are replaced where they lie, by programs that renew them.
      let renewal = loop.timer { _ in try? frontEnds.http?.reloadIdentity() }
      renewal.set(every: 30)
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

  /// What the table holds at this moment.
  public var statistics: SwarmStatistics { core.table.statistics }

  /// Whether another process has taken its place: then it remains to be stopped.
  public var isHandedOver: Bool { keeper?.isHandedOver ?? false }

  /// Whether it has a folder for its state, and so may be handed over.
  public var keepsState: Bool { keeper != nil }

  /// What went wrong when the last snapshot was written; `nil` if nothing.
  public var snapshotFault: String? { keeper?.lastFault }

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

/// How a tracker comes to its front ends and its swarms.
private struct Beginning {
  var frontEnds: FrontEnds
  var keeper: StateKeeper?
  var notices: [String] = []

  init(_ core: TrackerCore, _ inherited: ListeningSocketSet) throws(TrackerError) {
    let configuration = core.configuration
    guard let path = configuration.stateFolder else {
      frontEnds = try FrontEnds(core, inherited)
      return
    }
    do throws(HandOverFault) {
      let keeper = try StateKeeper(path, core.table, clock: core.clock)
      self.keeper = keeper
      if configuration.takesOver, let client = try HandOverClient.connect(keeper.folder.handOver) {
        (frontEnds, notices) = try Self.takeOver(client, keeper, core)
      } else {
        guard keeper.claim() else {
          throw HandOverFault(
            "the folder '\(path)' belongs to a tracker that runs: --take-over takes its place")
        }
        let loaded = keeper.load()
        notices += loaded.notice.map { [$0] } ?? []
        do throws(TrackerError) { frontEnds = try FrontEnds(core, inherited) } catch {
          throw HandOverFault(error.description)
        }
      }
      if let notice = keeper.start(frontEnds, every: configuration.snapshotInterval) {
        notices.append(notice)
      }
    } catch {
      throw TrackerError(description: error.description)
    }
  }

  /// Takes the place of the tracker that runs. It serves on unless everything succeeds.
  private static func takeOver(
    _ client: borrowing HandOverClient, _ keeper: StateKeeper, _ core: TrackerCore
  ) throws(HandOverFault) -> (FrontEnds, [String]) {
    var (sockets, secret) = try client.begin()
    var connections: [Int32] = []
    do throws(HandOverFault) {
      try keeper.loadHandedOver()
      connections = try client.take()
      try keeper.loadChanges()
      guard keeper.claim(within: 5) else { throw HandOverFault("the running tracker keeps its folder") }
      do throws(TrackerError) {
        let taken = sockets
        sockets = ListeningSocketSet()
        let frontEnds = try FrontEnds(core, taken, secret: secret.isEmpty ? nil : secret)
        frontEnds.http?.adopt(connections)
        // The folder is ours: if the other process is gone, or does not hear it, it does not go on all the same.
        client.finish()
        return (frontEnds, ["took the place of the tracker that ran"])
      } catch {
        throw HandOverFault(error.description)
      }
    } catch {
      sockets.close()
      for connection in connections { TCP.close(connection) }
      keeper.release()
      client.giveUp(error.description)
      throw error
    }
  }
}
